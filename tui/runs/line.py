"""A run in a line of the list: which columns there is room for, and what stands in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from tui.runs.row import RunRow
from workbench.report.numbers import ABSENT, count, decimal, duration, signed
from workbench.report.plain import shorten

# A sign and a word: the sign is seen at once, the word read without colour.
SIGNS: Mapping[str, str] = {
    "queued": "…",
    "starting": "◌",
    "running": "▶",
    "stalled": "!",
    "unsupervised": "!",
    "stopping": "◌",
    "stopped": "■",
    "paused": "=",
    "finished": "✓",
    "failed": "✗",
    "lost": "?",
}
_LEFT = frozenset({"mark", "status", "name", "group", "bar", "badges"})
_WIDTHS = {
    "mark": 2,
    "status": 10,
    "name": 16,
    "group": 10,
    "step": 7,
    "bar": 10,
    "eval": 9,
    "delta": 8,
    "s/step": 7,
    "ETA": 8,
    "params": 8,
    "badges": 10,
}
# What goes first where there is no room.
_DROPPED = ("params", "bar", "badges", "s/step", "group", "ETA", "delta")
_AT_WORK = frozenset({"bar", "s/step", "ETA"})  # say nothing of runs that are over
_MOST_STATUS, _MOST_STEP = 18, 13
_LEAST_NAME = 9  # a comparison that was asked for is worth a shorter name


@dataclass(frozen=True, slots=True)
class Needs:
    """What a list has to show: how wide its statuses and steps are, and whether any run is at work or has badges."""

    status: int = 12
    step: int = 11
    result: int = 9
    at_work: bool = True
    badges: bool = True


def needs_of(rows: Sequence[RunRow], metric: str) -> Needs:
    return Needs(
        result=max(_WIDTHS["eval"], len(metric)),
        status=min(_MOST_STATUS, max([_WIDTHS["status"], *(len(status_words(row)) for row in rows)])),
        step=min(_MOST_STEP, max([_WIDTHS["step"], *(len(_steps(row)) for row in rows)])),
        at_work=any(not row.over for row in rows),
        badges=any(row.badges for row in rows),
    )


@dataclass(frozen=True, slots=True)
class Marks:
    """What a person chose: runs in the order in which they were marked, the baseline, and the number compared."""

    marked: tuple[str, ...] = ()
    pinned: str | None = None
    metric: str = "loss"

    def sign(self, run_id: str) -> str:
        number = str(self.marked.index(run_id) + 1) if run_id in self.marked else ""
        return number + ("★" if run_id == self.pinned else "")


def columns_for(width: int, pinned: bool, needs: Needs) -> dict[str, int]:
    """The columns that fit, with their widths; what is over goes to the name."""
    useless = {
        *(("delta",) if not pinned else ()),
        *(_AT_WORK if not needs.at_work else ()),
        *(("badges",) if not needs.badges else ()),
    }
    columns = {name: cells for name, cells in _WIDTHS.items() if name not in useless}
    columns |= {"status": needs.status, "step": needs.step, "eval": needs.result}
    for name in _DROPPED:
        least = _taken(columns) - (_WIDTHS["name"] - _LEAST_NAME if name == "delta" else 0)
        if least <= width:
            break
        columns.pop(name, None)
    columns["name"] = max(6, columns["name"] + width - _taken(columns))
    return columns


def _taken(columns: Mapping[str, int]) -> int:
    return sum(columns.values()) + len(columns) + 1


def heading(columns: Mapping[str, int], marks: Marks) -> str:
    names = {
        "mark": "",
        "bar": "",
        "badges": "",
        "name": "run",
        "eval": "eval loss" if marks.metric == "loss" else marks.metric,
        "delta": "Δ ★",
    }
    return _line({name: names.get(name, name) for name in columns}, columns, " ")


def row_line(row: RunRow, columns: Mapping[str, int], marks: Marks, baseline: RunRow | None, cursor: bool) -> str:
    """The line of a run, exactly as wide as its columns."""
    return _line(_cells(row, marks, baseline, columns), columns, "›" if cursor else " ")


def status_words(row: RunRow) -> str:
    """`✗ cuda_oom`, `! stalled 4 m`, `▶ running`."""
    word = row.status
    if row.status == "failed" and row.failure:
        word = row.failure
    if row.silent_seconds is not None:
        word = f"{word} {row.silent_seconds / 60:.0f} m"
    return f"{SIGNS.get(row.status, '?')} {word}"


def delta(row: RunRow, baseline: RunRow | None, metric: str) -> float | None:
    """How far a run's result is from the baseline's; None where one of the two is not known, or they are one."""
    if baseline is None or baseline.run_id == row.run_id:
        return None
    ours, theirs = row.results.get(metric), baseline.results.get(metric)
    return None if ours is None or theirs is None else ours - theirs


def _cells(row: RunRow, marks: Marks, baseline: RunRow | None, columns: Mapping[str, int]) -> dict[str, str]:
    done = round(row.share * columns.get("bar", 0))
    return {
        "mark": marks.sign(row.run_id),
        "status": status_words(row),
        "name": _short_name(row.name, columns.get("name", 0)),
        "group": row.group,
        "step": _steps(row),
        "bar": "━" * done + "·" * (columns.get("bar", 0) - done),
        "eval": decimal(row.results.get(marks.metric)),
        "delta": signed(delta(row, baseline, marks.metric)),
        "s/step": ABSENT if row.seconds_per_step is None or row.over else f"{row.seconds_per_step:.3g}",
        "ETA": duration(row.eta_seconds),
        "params": count(row.trainable_params),
        "badges": ", ".join(row.badges),
    }


def _short_name(name: str, width: int) -> str:
    """Runs of a study begin alike: where there is no room, the study goes first."""
    study, colon, rest = name.partition(":")
    return rest if study and colon and rest and cell_len(name) > width else name


def _steps(row: RunRow) -> str:
    return f"{row.step or 0}/{ABSENT if row.steps is None else row.steps}"


def _line(cells: Mapping[str, str], columns: Mapping[str, int], cursor: str) -> str:
    return cursor + " ".join(_cell(cells[name], width, name in _LEFT) for name, width in columns.items()) + " "


def _cell(text: str, width: int, left: bool) -> str:
    fitted = shorten(text, width) if width >= 6 else set_cell_size(text, width)
    missing = " " * max(0, width - cell_len(fitted))
    return set_cell_size(fitted + missing if left else missing + fitted, width)
