"""What is at work and what waits, as rows and tables. Read from files: no database has to be at hand."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from workbench.report.numbers import ABSENT, count, decimal, duration, size
from workbench.report.plain import shorten, visible
from workbench.report.table import Column, Table
from workbench.run.find import name_of
from workbench.run.launch import LocalLauncher
from workbench.run.liveness import view_of
from workbench.run.proc import read_proc
from workbench.run.progress import progress_of
from workbench.run.slots import default_jobs
from workbench.run.tickets import Tickets
from workbench.run.waits import reason_to_wait

if TYPE_CHECKING:
    from workbench.run.layout import Home, RunDir

Row = dict[str, Any]
_NAME_CELLS = 28
_LEFT = ("run", "name", "status", "", "slot")


def at_work_rows(run_dirs: "Sequence[RunDir]") -> list[Row]:
    """A row of plain values per run; those whose folder is gone are left out."""
    return [_row(run_dir) for run_dir in run_dirs if run_dir.path.is_dir()]


def _row(run_dir: "RunDir") -> Row:
    view, proc = view_of(run_dir), read_proc(run_dir)
    progress = progress_of(view)
    steps = progress.steps or 0
    return {
        "run_id": view.run_id,
        "name": name_of(run_dir),
        "status": str(view.status),
        "over": view.status.is_over,
        "attempt": view.attempt,
        "step": progress.step,
        "steps": progress.steps,
        "tenth": 10 * (progress.step or 0) // steps if steps else 0,
        "loss": progress.loss,
        "seconds_per_step": progress.seconds_per_step,
        "tokens_per_s": progress.tokens_per_s,
        "eta_seconds": progress.eta_seconds,
        "memory_bytes": progress.memory_bytes,
        "slot": proc.slot if proc and view.status.is_live else None,
        "failure": {"class": view.failure.failure_class, "message": view.failure.message} if view.failure else None,
    }


def fitting_rows(rows: Sequence[Row], lines: int) -> list[Row]:
    """As many rows as there are lines for: what is at work, then what has ended meanwhile, then the queue."""
    ordered = sorted(rows, key=lambda row: (row["status"] == "queued", row["over"]))
    return ordered[: max(1, lines)]


def at_work_table(rows: Sequence[Row], width: int | None) -> str:
    """The rows as text; columns that a narrow terminal has no room for are left out, the least telling first."""
    names = ["run", "name", "status", "step", "", "loss", "tokens/s", "to go", "memory", "slot"]
    droppable = ["slot", "run", "loss", "memory", "tokens/s", ""]
    for dropped in (None, *droppable):
        names = [name for name in names if name != dropped]
        table = _at_work_table(rows, names)
        if width is None or max(map(cell_len, table.splitlines()), default=0) < width:
            break
    return table


def _at_work_table(rows: Sequence[Row], names: Sequence[str]) -> str:
    columns = tuple(Column(name, "left" if name in _LEFT else "right") for name in names)
    return Table(columns, tuple(tuple(_cells(row)[name] for name in names) for row in rows)).text()


def _cells(row: Row) -> dict[str, str]:
    failed = f": {row['failure']['class']}" if row["failure"] and row["status"] == "failed" else ""
    return {
        "run": row["run_id"],
        "name": shorten(row["name"], _NAME_CELLS),
        "status": row["status"] + failed,
        "step": f"{row['step'] or 0}/{row['steps'] or ABSENT}",
        "": _bar(row),
        "loss": decimal(row["loss"]),
        "tokens/s": count(row["tokens_per_s"]) if not row["over"] else ABSENT,
        "to go": duration(row["eta_seconds"]),
        "memory": size(row["memory_bytes"]),
        "slot": shorten(row["slot"] or ABSENT, 12),
    }


def _bar(row: Row) -> str:
    done = int(row["tenth"])
    return "━" * done + "·" * (10 - done)


def line_of(row: Row) -> str:
    """One row in a line of its own."""
    cells = _cells(row)
    to_go = f", {cells['to go']} to go" if row["eta_seconds"] is not None else ""
    loss = f", loss {cells['loss']}" if row["loss"] is not None else ""
    return f"{row['run_id']} {visible(row['name'])}: {cells['status']}, step {cells['step']}{loss}{to_go}"


def queue_rows(home: "Home") -> list[Row]:
    """A row per waiting ticket in the order of the queue."""
    return [
        {
            "run_id": ticket.run_id,
            "name": name_of(home.run_dir(ticket.run_id)),
            "attempt": ticket.attempt,
            "priority": ticket.priority,
            "after": list(ticket.after),
            "hold": ticket.hold,
            "resume": ticket.resume,
            "retries": ticket.retries,
            "jobs": ticket.jobs,
            "threads": ticket.threads,
            "memory_bytes": ticket.memory_bytes,
            "batch": ticket.batch,
            "waits_for": reason_to_wait(home, ticket) or _room(ticket.jobs),
            "why": ticket.why,
        }
        for ticket in Tickets(home).waiting()
    ]


def _room(jobs: int) -> str:
    return "the slot" if jobs == 1 else f"one of {jobs} slots"


def queue_table(rows: Sequence[Row]) -> Table:
    cells = tuple(
        (
            str(place),
            row["run_id"],
            shorten(row["name"], _NAME_CELLS),
            str(row["attempt"]),
            str(row["priority"]),
            str(row["retries"]),
            size(row["memory_bytes"]),
            visible(row["waits_for"]),
        )
        for place, row in enumerate(rows, start=1)
    )
    left, right = Column("run", "left"), Column("attempt")
    columns = (Column(""), left, Column("name", "left"), right, Column("priority"), Column("retries"))
    return Table((*columns, Column("memory"), Column("waits for", "left")), cells)


def slots_line(home: "Home") -> str:
    """How many slots there are and how many of them are free."""
    capacity = LocalLauncher(home).capacity(default_jobs())
    return f"{capacity.slots} slots, {capacity.free} free (more or fewer: workbench run --jobs N)"
