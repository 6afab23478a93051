"""The supervisor of one run: `python -P -m workbench.run.shim RUN_DIR`, in a session of its own.

It holds the run's locks, starts the trainer (or takes up one that lost its shim), passes on requests to stop, says how
the trainer ended where that did not say so itself, and has the queue go on. Exit codes: 0 the run finished, 1 it did
not, 2 usage, 5 another shim runs it or has.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from workbench.errors import WorkbenchError
from workbench.run import device_memory, locks
from workbench.run.adopted import find_trainer, take_after
from workbench.run.control import renew_stop, stop_reason
from workbench.run.endings import classify, oom_kills
from workbench.run.events import EventLog, reserve_of
from workbench.run.group import TrainerGroup, start_group
from workbench.run.handoff import Handoff, outer_environment, read_handoff, trainer_environment
from workbench.run.layout import Home, RunDir
from workbench.run.logs import Event, ending, latest_attempt
from workbench.run.proc import ProcRecord, read_proc
from workbench.run.process import identify, set_subreaper
from workbench.run.requests import StopRequests, catch_signals
from workbench.run.slots import run_environment, slot_of
from workbench.run.watch import watch

FINISHED, NOT_FINISHED, USAGE, RUNS_ELSEWHERE = 0, 1, 2, 5
_LOCK_PATIENCE = 2.0
_REPRO_SECONDS = 15.0


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -P -m workbench.run.shim RUN_DIR (exactly one)", file=sys.stderr)
        return USAGE
    run_dir = RunDir(Path(arguments[0]).absolute())
    try:
        code = supervise(run_dir, [sys.executable, "-P", "-m", "workbench.train", str(run_dir.path)])
    finally:
        go_on(run_dir.home)  # also when this run's files could not be used: others must not wait for it
    if code != RUNS_ELSEWHERE:
        start_ingest(run_dir.home)
    return code


def supervise(run_dir: RunDir, trainer_command: Sequence[str]) -> int:
    """Runs the next attempt, or the one that goes on without a shim, to its end; returns the shim's exit code.

    The locks and the lease are let go at the end, with every process of the attempt gone and its logs complete.
    """
    wakeup = catch_signals()
    set_subreaper()
    handoff = read_handoff(os.environ)
    own = locks.take(run_dir.shim_lock, _LOCK_PATIENCE) if handoff.shim_fd is None else handoff.shim_fd
    if own is None:
        print(f"{run_dir.path}: another shim runs it", file=sys.stderr)
        return RUNS_ELSEWHERE
    try:
        end = _adopt(run_dir, handoff, wakeup) if handoff.adopt else _begin(run_dir, trainer_command, handoff, wakeup)
    finally:
        for descriptor in (handoff.slot_fd, own):
            if descriptor is not None:
                os.close(descriptor)
    if end is None:
        return RUNS_ELSEWHERE
    return FINISHED if end["kind"] == "finished" else NOT_FINISHED


def go_on(home: Home) -> None:
    """Starts what the queue has next."""
    from workbench.run.schedule import schedule

    try:
        schedule(home)
    except (OSError, WorkbenchError) as error:
        print(f"the queue was not looked at: {error}", file=sys.stderr)


def start_ingest(home: Home) -> None:
    """Starts the reading of new log lines into the database, detached; how that goes is no concern of the run."""
    subprocess.Popen(
        [sys.executable, "-P", "-m", "store.ingest", str(home.path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=home.path if home.path.is_dir() else None,
        env=outer_environment(os.environ),
        start_new_session=True,
    )


def _begin(run_dir: RunDir, command: Sequence[str], handoff: Handoff, wakeup: int) -> Event | None:
    """Runs the next attempt; None when another shim has been quicker."""
    lock = locks.take(run_dir.alive_lock, _LOCK_PATIENCE)
    if lock is None:
        print(f"{run_dir.path}: a trainer without a shim is at work", file=sys.stderr)
        return None
    try:
        attempt = latest_attempt(run_dir) + 1
        if handoff.attempt not in (None, attempt):
            print(f"{run_dir.path}: attempt {handoff.attempt} has been made", file=sys.stderr)
            return None
        return _run_attempt(run_dir, attempt, command, handoff, lock, wakeup)
    finally:
        os.close(lock)


def _run_attempt(
    run_dir: RunDir, attempt: int, command: Sequence[str], handoff: Handoff, lock: int, wakeup: int
) -> Event:
    ooms, requests = oom_kills(), StopRequests(run_dir, attempt, wakeup)
    shim = identify(os.getpid())
    # Written before the trainer starts, too: the attempt has begun from here on, whatever happens.
    ProcRecord(attempt, shim, None, handoff.slot, handoff.threads).write(run_dir)
    if withdrawn := device_memory.wait_for_room(run_dir, attempt, handoff, requests):
        return withdrawn
    group = _start(run_dir, attempt, command, handoff, lock)
    try:
        _write_repro(run_dir, attempt)
        reason = watch(group, requests, handoff.grace)
    finally:
        # Also when this fails: a trainer must not outlive its shim unnoticed.
        returncode = group.end()
    failure = classify(returncode, reason, oom_kills() > ooms, run_dir.out(attempt))
    end = ending(run_dir, attempt) or _record_failure(run_dir, attempt, failure)
    device_memory.wait_for_release(handoff, group.identity.pid)
    return end


def _adopt(run_dir: RunDir, handoff: Handoff, wakeup: int) -> Event | None:
    """Looks after a trainer that another shim started, to its end; None when there is none any more."""
    attempt, ooms = latest_attempt(run_dir), oom_kills()
    proc = read_proc(run_dir)
    trainer = find_trainer(run_dir, attempt, proc)
    slot, threads = (proc.slot, proc.threads) if proc else (None, None)
    with suppress(OSError):  # a full disk: it only says who looks after the run
        ProcRecord(attempt, identify(os.getpid()), trainer.identity, slot, threads).write(run_dir)
    before = stop_reason(run_dir, attempt)
    renew_stop(run_dir, attempt)  # the trainer may not have been told, and nobody counts its grace any more
    reason = watch(trainer, StopRequests(run_dir, attempt, wakeup), handoff.grace) or before
    trainer.end()
    lock = take_after(run_dir)
    if lock is None:
        print(f"{run_dir.path}: something still holds alive.lock", file=sys.stderr)
        return None
    try:
        failure = classify(None, reason, oom_kills() > ooms, run_dir.out(attempt))
        return ending(run_dir, attempt) or _record_failure(run_dir, attempt, failure)
    finally:
        os.close(lock)


def _start(run_dir: RunDir, attempt: int, command: Sequence[str], handoff: Handoff, lock: int) -> TrainerGroup:
    environment = trainer_environment(run_dir.path, attempt)
    if handoff.slot:
        environment |= run_environment(slot_of(handoff.slot), handoff.threads or 1)
    descriptors = (lock, *(() if handoff.slot_fd is None else (handoff.slot_fd,)))
    group = start_group(command, run_dir.out(attempt), environment, descriptors)
    try:
        shim = identify(os.getpid())
        ProcRecord(attempt, shim, group.identity, handoff.slot, handoff.threads).write(run_dir)
    except OSError:
        group.end()
        raise
    return group


def _write_repro(run_dir: RunDir, attempt: int) -> None:
    """Has the circumstances noted while the trainer loads its libraries. A run goes on without the note."""
    command = [sys.executable, "-P", "-m", "workbench.run.repro", str(run_dir.path), str(attempt)]
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, timeout=_REPRO_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"{run_dir.repro(attempt)}: not written ({error})", file=sys.stderr)


def _record_failure(run_dir: RunDir, attempt: int, failure: Event) -> Event:
    reserve_of(run_dir.events).unlink(missing_ok=True)  # of a trainer that was killed: the disk may be full
    with suppress(FileNotFoundError):  # the folder was removed under the run: then there is nothing to tell it to
        log = EventLog(run_dir.shim_events, run_dir.run_id, attempt)
        log.write("failed", **failure)
        log.close()
    return {"kind": "failed", **failure}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
