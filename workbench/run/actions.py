"""What a person asks of runs, whichever face asks: each returns in words what came of it."""

from collections.abc import Sequence

from workbench.run import queue
from workbench.run.again import ticket_again
from workbench.run.checkpoints import complete_checkpoints
from workbench.run.control import Reason, stop_is_asked
from workbench.run.launch import LocalLauncher, RunHandle
from workbench.run.layout import Home, RunDir
from workbench.run.liveness import RunView, view_of
from workbench.run.schedule import schedule
from workbench.run.states import RunStatus, WrongStateError, require


def end(home: Home, run_dir: RunDir, view: RunView, reason: Reason, grace: float | None, kill: bool) -> str:
    """Takes a run out of the queue, or asks its shim to end it within `grace` seconds (None: the shim's own)."""
    if view.status is RunStatus.QUEUED and queue.withdraw(home, [view.run_id]):
        return "taken out of the queue"
    view = view_of(run_dir)  # it may have been started meanwhile
    if stop_is_asked(run_dir, view.attempt) and not kill:
        return "is being stopped already: --kill ends it at once"
    asked = LocalLauncher(home).stop(RunHandle(view.run_id, view.attempt), reason, 0.0 if kill else grace)
    return ("killed" if kill else {"pause": "pausing"}.get(reason, "stopping")) if asked else "is over already"


def pause(home: Home, run_dir: RunDir, view: RunView, grace: float | None) -> str:
    """Has a run save a checkpoint and free its slot; one in the queue is put on hold."""
    if view.status is RunStatus.QUEUED and queue.hold(home, [view.run_id]):
        return "on hold in the queue: workbench runs release lets it start"
    return end(home, run_dir, view_of(run_dir), "pause", grace, kill=False)


def require_checkpoint(run_dir: RunDir) -> None:
    """Raises WrongStateError for a run that has no complete checkpoint."""
    if not complete_checkpoints(run_dir):
        raise WrongStateError(
            f"run {run_dir.run_id} has no complete checkpoint to go on from",
            f"start it again from step 0: workbench runs retry {run_dir.run_id}",
        )


def again(
    home: Home,
    run_dirs: Sequence[RunDir],
    resume: bool,
    command: str,
    folder: str,
    jobs: int = 0,
    retries: int = 0,
    priority: int = 0,
    settings: Sequence[str] = (),
) -> list[str]:
    """Puts another attempt of each run into the queue and has a look at it: all of them, or none where one cannot be.

    `command` and `folder` are noted as what asked for it and from where; `settings` are KEY=VALUE texts that the
    attempts are run with. Raises WrongStateError, InvalidError, UsageError, LockedError.
    """
    views = [view_of(run_dir) for run_dir in run_dirs]
    for run_dir, view in zip(run_dirs, views, strict=True):
        require("resume" if resume else "retry", view.run_id, view.status)
        if resume:
            require_checkpoint(run_dir)
    tickets = [
        ticket_again(run_dir, view, resume, jobs, retries, priority, command, folder, settings)
        for run_dir, view in zip(run_dirs, views, strict=True)
    ]
    queue.enqueue(home, tickets)
    schedule(home)
    found = [view_of(run_dir) for run_dir in run_dirs]
    return [f"attempt {view.attempt} is {view.status}" for view in found]
