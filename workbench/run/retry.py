"""Whether an attempt that ended is followed by another, and on which terms."""

from collections.abc import Mapping
from typing import Any

from workbench.errors import InvalidError
from workbench.run.checkpoints import complete_checkpoints
from workbench.run.layout import RunDir
from workbench.run.logs import Event
from workbench.run.record import RunRecord, read_record
from workbench.run.tickets import Ticket

# What was done to a run from outside, and may not happen again.
FROM_OUTSIDE = ("lost", "killed", "preempted")


def class_of(ending: Event | None) -> str | None:
    """The failure class of a terminal event; None where that is no failure. An attempt without an ending is lost."""
    if ending is None:
        return "lost"
    if ending["kind"] == "failed":
        return str(ending.get("class", "crash"))
    return "preempted" if ending.get("reason") == "preempted" else None


def following(ticket: Ticket, run_dir: RunDir, ending: Event | None) -> Ticket | None:
    """The ticket of the next attempt; None where there is to be none.

    What came from outside is tried again as often as the ticket says, from the last checkpoint. After `cuda_oom` the
    same effective batch is made of smaller micro-batches, until they are of one example.
    """
    failure = class_of(ending)
    if failure in FROM_OUTSIDE and ticket.retries > 0:
        left = ticket.retries - 1
        return _next(ticket, run_dir, f"after {failure} in attempt {ticket.attempt}; {left} retries left", left)
    if failure == "cuda_oom" and (split := smaller_split(run_dir, ticket.changes)):
        why = f"after cuda_oom in attempt {ticket.attempt}: micro-batches of {split['batch']} × {split['accumulation']}"
        return _next(ticket, run_dir, why, ticket.retries)._replace(changes={**ticket.changes, **split})
    return None


def smaller_split(run_dir: RunDir, changes: Mapping[str, Any]) -> dict[str, int] | None:
    """`batch` and `accumulation` of the same product with the next smaller batch; None where that cannot be.

    With dropout every micro-batch has masks of its own, so another split would be another experiment.
    """
    try:
        record = read_record(run_dir.record)
    except (OSError, InvalidError):
        return None
    batch = int(changes.get("batch", record.recipe["batch"]))
    effective = batch * int(changes.get("accumulation", record.recipe["accumulation"]))
    if has_dropout(record) or batch == 1:
        return None
    smaller = next(size for size in range(batch // 2, 0, -1) if effective % size == 0)
    return {"batch": smaller, "accumulation": effective // smaller}


def has_dropout(record: RunRecord) -> bool:
    return any(site.dropout for site in record.sites)


def _next(ticket: Ticket, run_dir: RunDir, why: str, retries: int) -> Ticket:
    return ticket._replace(
        attempt=ticket.attempt + 1,
        resume=bool(complete_checkpoints(run_dir)),
        retries=retries,
        starts=0,
        hold=False,
        after=(),
        why=why,
    )
