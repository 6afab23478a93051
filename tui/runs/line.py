"""A run in a line of the list: which columns there is room for, and what stands in them."""

from collections.abc import Mapping
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
_LEFT = frozenset({"mark", "status", "name", "plan", "bar", "badges"})
_WIDTHS = {
    "mark": 2,
    "status": 12,
    "name": 16,
    "plan": 10,
    "step": 11,
    "bar": 10,
    "eval": 9,
    "delta": 8,
    "s/step": 7,
    "ETA": 8,
    "params": 8,
    "badges": 10,
}
# What goes first where there is no room.
_DROPPED = ("badges", "params", "bar", "s/step", "plan", "ETA", "delta")
_STATUS_WIDE = 18
_LEAST_NAME = 9  # a comparison that was asked for is worth a shorter name


@dataclass(frozen=True, slots=True)
class Marks:
    """What a person chose: runs in the order in which they were marked, the baseline, and the number compared."""

    marked: tuple[str, ...] = ()
    pinned: str | None = None
    metric: str = "loss"

    def sign(self, run_id: str) -> str:
        number = str(self.marked.index(run_id) + 1) if run_id in self.marked else ""
        return number + ("★" if run_id == self.pinned else "")


def columns_for(width: int, pinned: bool) -> dict[str, int]:
    """The columns that fit, with their widths; what is over goes to the name."""
    columns = {name: cells for name, cells in _WIDTHS.items() if pinned or name != "delta"}
    for name in _DROPPED:
        least = _taken(columns) - (_WIDTHS["name"] - _LEAST_NAME if name == "delta" else 0)
        if least <= width:
            break
        columns.pop(name, None)
    spare = width - _taken(columns)
    if spare >= 2 * (_STATUS_WIDE - _WIDTHS["status"]):
        columns["status"] = _STATUS_WIDE
    columns["name"] = max(6, columns["name"] + width - _taken(columns))
    return columns


def _taken(columns: Mapping[str, int]) -> int:
    return sum(columns.values()) + len(columns) + 1


def heading(columns: Mapping[str, int], marks: Marks) -> str:
    names = {"mark": "", "bar": "", "badges": "", "name": "run", "eval": f"eval {marks.metric}", "delta": "Δ ★"}
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
        "name": row.name,
        "plan": row.plan,
        "step": f"{row.step or 0}/{ABSENT if row.steps is None else row.steps}",
        "bar": "━" * done + "·" * (columns.get("bar", 0) - done),
        "eval": decimal(row.results.get(marks.metric)),
        "delta": signed(delta(row, baseline, marks.metric)),
        "s/step": ABSENT if row.seconds_per_step is None or row.over else f"{row.seconds_per_step:.3g}",
        "ETA": duration(row.eta_seconds),
        "params": count(row.trainable_params),
        "badges": ", ".join(row.badges),
    }


def _line(cells: Mapping[str, str], columns: Mapping[str, int], cursor: str) -> str:
    return cursor + " ".join(_cell(cells[name], width, name in _LEFT) for name, width in columns.items()) + " "


def _cell(text: str, width: int, left: bool) -> str:
    fitted = shorten(text, width) if width >= 6 else set_cell_size(text, width)
    missing = " " * max(0, width - cell_len(fitted))
    return set_cell_size(fitted + missing if left else missing + fitted, width)
