"""`workbench runs list`: results from the store, states from files and locks."""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from workbench.cli.context import current_home, print_json
from workbench.cli.kept_rows import KeptRow, Marks, Row, keep, marks_of, read_kept
from workbench.cli.run_details import listed, renewed, results_of, warn
from workbench.cli.show_table import show_table
from workbench.errors import LockedError
from workbench.report.numbers import count, decimal, seconds, size
from workbench.report.plain import visible
from workbench.report.run import status_text
from workbench.report.table import Column, Table
from workbench.run.layout import Home
from workbench.run.liveness import RunView, view_of
from workbench.run.logs import last_terminal
from workbench.run.tickets import Tickets

if TYPE_CHECKING:
    from store.runs import RunSummary


_COLUMNS = (
    *(Column(heading, "left") for heading in ("run", "name", "status")),
    *map(Column, ("seed", "step", "trainable", "loss", "exact match", "time", "disk")),
)


class _Look(NamedTuple):
    """A run that something may have happened to. `kept` is its row so far, if the store has nothing to add to that."""

    marks: Marks
    view: RunView
    kept: KeptRow | None


def show_list(as_json: bool) -> None:
    """Prints the runs of the home, the newest first."""
    told = _told_rows(current_home(), warn)
    if as_json:
        print_json([kept.row for kept in told])
    elif told:
        show_table(Table(_COLUMNS, tuple(kept.cells for kept in told), keys=2))
    else:
        print("no runs yet: workbench run PLAN --recipe RECIPE, or workbench demo")


def listed_runs(home: Home, tell: Callable[[LockedError], None] = warn) -> list[Row]:
    """A row per run, the newest first. `tell` is told where another program holds the database: new results wait."""
    return [kept.row for kept in _told_rows(home, tell)]


def rows_at_hand(home: Home) -> list[Row] | None:
    """The same from files alone; None where the store has something to add, which takes time and memory to load."""
    known, run_ids = read_kept(home), _run_ids(home)
    # Before a look at each run, as the ends of a thousand logs are a hundred megabytes.
    if any(run_id not in known and home.run_dir(run_id).record.is_file() for run_id in run_ids):
        return None
    at_rest, looks = _looked(home, known, run_ids)
    if any(look.kept is None for look in looks.values()):
        return None
    return [kept.row for kept in _rows(home, at_rest, looks, {})]


def _cells(row: Row) -> tuple[str, ...]:
    cells = (
        row["run_id"],
        row["name"],
        status_text(row),
        str(row["seed"]),
        f"{row['step'] or 0}/{row['steps'] or 0}",
        count(row["trainable_params"]),
        decimal(row["eval"].get("loss")),
        decimal(row["eval"].get("exact_match"), 3),
        seconds(row["device_seconds"]),
        size(row["disk_bytes"]),
    )
    return tuple(map(visible, cells))


def _told_rows(home: Home, tell: Callable[[LockedError], None]) -> list[KeptRow]:
    at_rest, looks = _looked(home, read_kept(home), _run_ids(home))
    asked = [run_id for run_id, look in looks.items() if look.kept is None]
    found, complete = results_of(home, asked, tell) if asked else ([], True)
    return _rows(home, at_rest, looks, {summary.run_id: summary for summary in found}, complete)


def _looked(
    home: Home, known: Mapping[str, KeptRow], run_ids: list[str]
) -> tuple[dict[str, KeptRow], dict[str, _Look]]:
    """The runs that nothing has happened to, and the others."""
    at_rest = _at_rest(home, known, run_ids)
    looks = {run_id: _look(home, run_id, known.get(run_id)) for run_id in run_ids if run_id not in at_rest}
    return at_rest, {run_id: look for run_id, look in looks.items() if look}


def _rows(
    home: Home,
    at_rest: dict[str, KeptRow],
    looks: Mapping[str, _Look],
    summaries: "Mapping[str, RunSummary]",
    complete: bool = True,
) -> list[KeptRow]:
    told = {run_id: kept for run_id, look in looks.items() if (kept := _told(home, look, summaries))}
    if complete and any(kept.over or run_id in summaries for run_id, kept in told.items()):
        keep(home, at_rest | told)
    rows = sorted((at_rest | told).items())
    return [kept for _, kept in sorted(rows, key=lambda item: item[1].order, reverse=True)]


def _run_ids(home: Home) -> list[str]:
    with suppress(FileNotFoundError):
        return [name for name in os.listdir(home.runs) if not name.startswith(".")]
    return []


def _at_rest(home: Home, known: Mapping[str, KeptRow], run_ids: list[str]) -> dict[str, KeptRow]:
    """The runs that nothing has happened to since they were over.

    An attempt begins with its shim's writing into the folder, so the locks of runs at rest need no look.
    """
    queued, runs = Tickets(home).run_ids(), str(home.runs)
    kept_of = ((run_id, known.get(run_id)) for run_id in run_ids if run_id not in queued)
    return {run_id: kept for run_id, kept in kept_of if kept and kept.holds(f"{runs}/{run_id}")}


def _look(home: Home, run_id: str, kept: KeptRow | None) -> _Look | None:
    """None for a folder that is no run."""
    folder = f"{home.runs}/{run_id}"
    marks = marks_of(folder)
    if not marks.record:
        return None
    view = view_of(home.run_dir(run_id))
    return _Look(marks, view, kept if kept and _says_all(kept, folder, marks, view) else None)


def _says_all(kept: KeptRow, folder: str, marks: Marks, view: RunView) -> bool:
    """Whether the store would say nothing else of this run than it did for its kept row."""
    if kept.marks.record != marks.record:
        return False
    if kept.marks.logs == marks.logs == marks_of(folder).logs:
        return True
    return kept.begun == view.attempt and view.status.is_live and last_terminal(view.events, view.attempt) is None


def _told(home: Home, look: _Look, summaries: "Mapping[str, RunSummary]") -> KeptRow | None:
    """The row of a run; None for one that the store cannot take in, as its record is damaged."""
    marks, view, kept = look
    run_dir = home.run_dir(view.run_id)
    if kept:
        begun, order, row = kept.begun, kept.order, renewed(kept.row, run_dir, view)
    elif summary := summaries.get(view.run_id):
        begun = view.attempt if any(event["kind"] == "metric" for event in view.events) else None
        order, row = f"{summary.created:%Y-%m-%dT%H:%M:%S.%f}", listed(run_dir, summary, view)
    else:
        return None
    return KeptRow(marks, view.status.is_over, begun, order, _cells(row), json.dumps(row))
