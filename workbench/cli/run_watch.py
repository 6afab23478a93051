"""`workbench runs watch` and `runs queue`: what is at work and what waits, from files alone."""

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.context import current_home, print_json
from workbench.errors import LockedError

if TYPE_CHECKING:
    from workbench.run.layout import Home, RunDir

_TICK_SECONDS = 1.0
_LINES_AROUND = 6  # heading, rule, how many more there are, an empty line, the summary, the cursor's


def watch(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN...]", help="Only these; default: all queued or at work.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Print what there is now and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, once.")] = False,
) -> None:
    """Watch runs: progress, speed, time to go, memory. Ends when none of them is queued or at work.

    Ctrl-C ends the watching and no run.
    """
    from workbench.report.live import at_work_rows
    from workbench.run.find import find_runs

    home = current_home()
    named = find_runs(home, runs) if runs else None
    _tick(home)
    rows = at_work_rows(_watched(home, named, set()))
    if as_json:
        print_json(rows)
    elif once or not sys.stdout.isatty():
        _print_until_over(home, named, once)
    elif not rows:
        print("nothing is queued or at work: workbench runs list")
    else:
        _live(home, named)


def queue(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show what waits in the queue, in its order, and why it waits; and the slots of this machine."""
    from workbench.report.live import queue_rows, queue_table, slots_line
    from workbench.run.queue import paused_batches

    home = current_home()
    _tick(home)
    rows = queue_rows(home)
    if as_json:
        print_json(rows)
        return
    print(queue_table(rows).text() if rows else "the queue is empty")
    print(f"\n{slots_line(home)}")
    for batch, why in paused_batches(home).items():
        print(f"{batch} is paused: {why}; workbench runs release {batch} lets it go on")


def _tick(home: "Home") -> None:
    """Whoever looks also schedules; not where the home cannot be written to, or somebody else is at it."""
    from workbench.run.schedule import schedule

    with suppress(LockedError, OSError):
        schedule(home, patience=0.2)


def _watched(home: "Home", named: "list[RunDir] | None", before: "set[RunDir]") -> "list[RunDir]":
    """The runs to show: those named, else all that are queued or at work, and those that were a moment ago."""
    from workbench.run.at_work import runs_at_work

    if named is not None:
        return named
    now = [run_dir for run_dir, _view in runs_at_work(home)]
    return [*now, *sorted(before - set(now), key=lambda run_dir: run_dir.run_id)]


def _live(home: "Home", named: "list[RunDir] | None") -> None:
    """A table that is drawn anew every second until all is over."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from workbench.report.live import at_work_rows

    console, seen = Console(), set[Any]()
    with suppress(KeyboardInterrupt), Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            _tick(home)
            shown = _watched(home, named, seen)
            seen |= set(shown)
            rows = at_work_rows(shown)
            text = _screenful(rows, console.width, console.height)
            live.update(Text(text, no_wrap=True, overflow="crop"), refresh=True)
            if all(row["over"] for row in rows):
                return
            time.sleep(_TICK_SECONDS)
    print("no longer watching; the runs go on", file=sys.stderr)


def _screenful(rows: list[dict[str, Any]], width: int, height: int) -> str:
    """The table and its summary, with as many of the rows as the terminal has lines for."""
    from workbench.report.live import at_work_table, fitting_rows

    fitting = fitting_rows(rows, height - _LINES_AROUND)
    more = f"… and {len(rows) - len(fitting)} more\n" if len(fitting) < len(rows) else ""
    hint = "" if all(row["over"] for row in rows) else " · Ctrl-C ends the watching only"
    return f"{at_work_table(fitting, width)}\n{more}\n{_summary(rows)}{hint}"


def _summary(rows: list[dict[str, Any]]) -> str:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["status"]] = counts.get(row["status"], 0) + 1
    return ", ".join(f"{count} {status}" for status, count in counts.items())


def _print_until_over(home: "Home", named: "list[RunDir] | None", once: bool) -> None:
    """For pipes and files: a line whenever the state of a run or a tenth of its steps has changed."""
    from workbench.report.live import at_work_rows, at_work_table, line_of

    if once:
        rows = at_work_rows(_watched(home, named, set()))
        print(at_work_table(rows, None) if rows else "nothing is queued or at work")
        return
    said: dict[str, str] = {}
    seen: set[Any] = set()
    while True:
        shown = _watched(home, named, seen)
        seen |= set(shown)
        rows = at_work_rows(shown)
        for row in rows:
            if (key := f"{row['status']} {row['attempt']} {row['tenth']}") != said.get(row["run_id"]):
                said[row["run_id"]] = key
                print(line_of(row), flush=True)
        if all(row["over"] for row in rows):
            return
        time.sleep(_TICK_SECONDS)
        _tick(home)
