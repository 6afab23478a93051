"""The ticket for another attempt at a run that is over."""

from collections.abc import Sequence
from typing import Any

from workbench.run.attempt_changes import read_changes
from workbench.run.layout import RunDir
from workbench.run.liveness import RunView
from workbench.run.record import read_record
from workbench.run.retry import smaller_split
from workbench.run.slots import default_jobs, threads_of_each
from workbench.run.terms import Terms, read_terms
from workbench.run.tickets import Ticket


def ticket_again(
    run_dir: RunDir,
    view: RunView,
    resume: bool,
    jobs: int,
    retries: int,
    priority: int,
    command: str,
    folder: str,
    settings: Sequence[str] = (),
) -> Ticket:
    """A ticket with the terms of the last attempt, but for `settings`; after `cuda_oom` with smaller micro-batches.

    The threads are those of before, since another number of them gives other last bits; so are the slots, unless `jobs`
    says otherwise. Raises InvalidError for a
    run.json that cannot be read, UsageError for settings that would make another experiment.
    """
    record, before = read_record(run_dir.record), read_terms(run_dir, view.attempt)
    wanted = jobs or before.jobs or default_jobs()
    return Ticket(
        run_id=view.run_id,
        attempt=0,
        priority=priority,
        resume=resume,
        changes={**_changes(run_dir, view, before), **read_changes(settings, record)},
        retries=retries,
        jobs=wanted,
        threads=before.threads or threads_of_each(wanted),
        memory_bytes=record.predicted_bytes["total"],
        command=command,
        folder=folder,
        why=f"{'resumed' if resume else 'started again'} after attempt {view.attempt} ({view.status})",
    )


def _changes(run_dir: RunDir, view: RunView, before: Terms) -> dict[str, Any]:
    out_of_memory = view.failure is not None and view.failure.failure_class == "cuda_oom"
    split = smaller_split(run_dir, before.changes) if out_of_memory else None
    return {**before.changes, **(split or {})}
