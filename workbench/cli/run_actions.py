"""`workbench runs stop|pause|resume|retry|hold|release|priority|rm`: what a person asks of runs."""

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.context import current_home
from workbench.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from workbench.run.layout import Home, RunDir

RunArguments = Annotated[list[str], typer.Argument(metavar="RUN...", help="Identifiers, their starts, or names.")]
Wait = Annotated[bool, typer.Option("--wait", "-w", help="Return once the runs are over.")]
Grace = Annotated[float | None, typer.Option(help="Seconds until the trainer is killed; default 60.", min=0)]


def stop(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="RUN...", help="Identifiers, their starts, or names.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All runs that are queued or at work.")] = False,
    grace: Grace = None,
    kill: Annotated[bool, typer.Option("--kill", help="Kill at once: nothing more is saved.")] = False,
    wait: Wait = False,
) -> None:
    """Stop runs: they finish their step and save, so that they can be resumed. A queued run leaves the queue."""
    from workbench.run import actions
    from workbench.run.liveness import view_of
    from workbench.run.states import require

    home = current_home()
    found = _named_or_live(home, runs or [], every)
    views = [view_of(run_dir) for run_dir in found]
    for view in views if not every else ():  # of all of them, one may have ended since
        require("stop", view.run_id, view.status)
    for run_dir, view in zip(found, views, strict=True):
        _say(run_dir, actions.end(home, run_dir, view, "user", grace, kill))
    _wait_for(found, wait)


def pause(runs: RunArguments, grace: Grace = None, wait: Wait = False) -> None:
    """Pause runs: they save a checkpoint and free their slot until resumed. A queued run is put on hold."""
    from workbench.run import actions
    from workbench.run.find import find_runs
    from workbench.run.liveness import view_of
    from workbench.run.states import require

    home = current_home()
    found = find_runs(home, runs)
    views = [view_of(run_dir) for run_dir in found]
    for view in views:
        require("pause", view.run_id, view.status)
    for run_dir, view in zip(found, views, strict=True):
        _say(run_dir, actions.pause(home, run_dir, view, grace))
    _wait_for(found, wait)


def resume(
    runs: RunArguments,
    jobs: Annotated[int, typer.Option(help="Use slots for so many runs at once; 0 is as before.", min=0)] = 0,
    retries: Annotated[int, typer.Option(help="As of `workbench run`.", min=0)] = 0,
    priority: Annotated[int, typer.Option(help="Higher goes first in the queue.")] = 0,
) -> None:
    """Go on with paused, stopped, failed or lost runs from their last complete checkpoint, through the queue."""
    _again(runs, True, jobs, retries, priority, ())


def retry(
    runs: RunArguments,
    jobs: Annotated[int, typer.Option(help="Use slots for so many runs at once; 0 is as before.", min=0)] = 0,
    retries: Annotated[int, typer.Option(help="As of `workbench run`.", min=0)] = 0,
    priority: Annotated[int, typer.Option(help="Higher goes first in the queue.")] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="batch, gradient_checkpointing, checkpoint_every or _keep."),
    ] = None,
) -> None:
    """Make another attempt from step 0 at paused, stopped, failed or lost runs, through the queue.

    After `cuda_oom` the same effective batch is made of smaller micro-batches, where that changes no result. A batch
    that is set keeps the effective one, too.
    """
    _again(runs, False, jobs, retries, priority, settings or ())


def hold(runs: RunArguments) -> None:
    """Keep queued runs from being started."""
    from workbench.run import queue

    _in_queue("hold", runs, queue.hold, "on hold")


def release(
    runs: Annotated[list[str], typer.Argument(metavar="RUN|BATCH...", help="Runs, or batches that were paused.")],
) -> None:
    """Let queued runs start as soon as there is room, whatever they waited for; or a batch that was paused go on."""
    from workbench.run import queue

    home = current_home()
    batches = [word for word in runs if word in queue.paused_batches(home)]
    for batch in batches:
        if queue.release_batch(home, batch):
            print(f"{batch}: goes on")
    if words := [word for word in runs if word not in batches]:
        _in_queue("release", words, queue.release, "released")
    _look_at_queue(home)


def priority(runs: RunArguments, value: Annotated[int, typer.Option("--to", help="Higher goes first.")]) -> None:
    """Give queued runs another priority."""
    from workbench.run import queue

    _in_queue("prioritize", runs, lambda home, ids: queue.prioritize(home, ids, value), f"priority {value}")


def rm(
    runs: RunArguments,
    checkpoints: Annotated[bool, typer.Option("--checkpoints", help="Only their checkpoints.")] = False,
    trash: Annotated[
        bool, typer.Option("--trash", help="Into the trash: `workbench trash restore` brings them back.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove runs that are over with all that they wrote, or their checkpoints alone. There is no way back.

    With --trash they are put away, and nothing is deleted.
    """
    from workbench.report.numbers import size
    from workbench.run.find import find_runs
    from workbench.run.liveness import view_of
    from workbench.run.removal import free_checkpoints, remove
    from workbench.run.states import require

    home = current_home()
    found = find_runs(home, runs)
    for run_dir in found:
        require("rm", run_dir.run_id, view_of(run_dir).status)
    if trash:
        if checkpoints:
            raise UsageError("--checkpoints and --trash exclude each other", "checkpoints are removed for good")
        _into_trash(home, found)
        return
    what = "the checkpoints of" if checkpoints else "all of"
    _confirm(f"remove {what} {len(found)} run{'s' if len(found) > 1 else ''}?", yes)
    for run_dir in found:
        require("rm", run_dir.run_id, view_of(run_dir).status)  # the answer may have taken long
        freed = free_checkpoints(run_dir) if checkpoints else remove(home, run_dir)
        print(f"{run_dir.run_id}: {'checkpoints' if checkpoints else 'run'} removed, {size(freed)} freed")


def _into_trash(home: "Home", found: "Sequence[RunDir]") -> None:
    from workbench.library.trash import trash_run
    from workbench.run.find import name_of

    for run_dir in found:
        item = trash_run(home, run_dir, name_of(run_dir))
        print(f"{run_dir.run_id}: into the trash; back with: workbench trash restore {item.id}")


def _again(words: Sequence[str], resume: bool, jobs: int, retries: int, priority: int, settings: Sequence[str]) -> None:
    from workbench.run.actions import again
    from workbench.run.find import find_runs

    home = current_home()
    found = find_runs(home, words)
    said = again(home, found, resume, shlex.join(sys.argv), os.getcwd(), jobs, retries, priority, settings)
    for run_dir, text in zip(found, said, strict=True):
        _say(run_dir, text)


def _in_queue(action: str, words: Sequence[str], do: "Callable[[Home, list[str]], list[str]]", said: str) -> None:
    from workbench.run.find import find_runs
    from workbench.run.liveness import view_of
    from workbench.run.states import require

    home = current_home()
    found = find_runs(home, words)
    for run_dir in found:
        require(action, run_dir.run_id, view_of(run_dir).status)
    done = do(home, [run_dir.run_id for run_dir in found])
    for run_dir in found:
        _say(run_dir, said if run_dir.run_id in done else "has been started meanwhile")


def _look_at_queue(home: "Home") -> None:
    from workbench.run.schedule import schedule

    schedule(home)


def _named_or_live(home: "Home", words: Sequence[str], every: bool) -> "list[RunDir]":
    from workbench.run.at_work import runs_at_work
    from workbench.run.find import find_runs

    if every == bool(words):
        raise UsageError("expected runs, or --all", "see which there are: workbench runs watch")
    if not every:
        return find_runs(home, words)
    found = [run_dir for run_dir, _view in runs_at_work(home)]
    if not found:
        raise NotFoundError("no run is queued or at work", "see all of them: workbench runs list")
    return found


def _wait_for(found: "Sequence[RunDir]", wait: bool) -> None:
    """Waits for the runs' ends, and has a shim that is killed meanwhile replaced."""
    import time
    from contextlib import suppress

    from workbench.errors import LockedError
    from workbench.run.follow import POLL_SECONDS
    from workbench.run.liveness import status_of
    from workbench.run.schedule import schedule

    while wait and any(status_of(run_dir).is_live for run_dir in found):
        with suppress(LockedError):  # somebody else is at it
            schedule(current_home(), patience=POLL_SECONDS)
        time.sleep(POLL_SECONDS)
    if wait:
        for run_dir in found:
            _say(run_dir, str(status_of(run_dir)))


def _confirm(question: str, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{question} there is nobody to ask", "say --yes")
    typer.confirm(question, abort=True, err=True)


def _say(run_dir: "RunDir", text: str) -> None:
    from workbench.report.plain import visible
    from workbench.run.find import name_of

    print(f"{run_dir.run_id} {visible(name_of(run_dir))}: {text}")
