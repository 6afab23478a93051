"""The supervisor of one run: `python -P -m workbench.run.shim RUN_DIR`, in a session of its own.

It holds `alive.lock`, starts the trainer, passes on requests to stop, and says how the trainer ended where that did
not say so itself. Exit codes: 0 the run finished, 1 it did not, 2 usage, 5 another shim runs it or has.
"""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from workbench.run import locks
from workbench.run.control import take_stop
from workbench.run.endings import classify, oom_kills
from workbench.run.events import EventLog, reserve_of
from workbench.run.group import TrainerGroup, start_group
from workbench.run.handoff import Handoff, read_handoff, trainer_environment
from workbench.run.layout import Home, RunDir
from workbench.run.logs import Event, ending, latest_attempt
from workbench.run.proc import ProcRecord
from workbench.run.process import identify, set_subreaper
from workbench.run.requests import StopRequests, catch_signals

FINISHED, NOT_FINISHED, USAGE, RUNS_ELSEWHERE = 0, 1, 2, 5
_LOCK_PATIENCE = 2.0
_CONTROL_SECONDS = 0.5
_REPRO_SECONDS = 15.0


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -P -m workbench.run.shim RUN_DIR (exactly one)", file=sys.stderr)
        return USAGE
    run_dir = RunDir(Path(arguments[0]).absolute())
    code = supervise(run_dir, [sys.executable, "-P", "-m", "workbench.train", str(run_dir.path)])
    if code != RUNS_ELSEWHERE:
        start_ingest(run_dir.home)
    return code


def supervise(run_dir: RunDir, trainer_command: Sequence[str]) -> int:
    """Runs the next attempt to its end and returns the shim's exit code.

    The lock is let go at the end, with every process of the attempt gone and its logs complete.
    """
    wakeup = catch_signals()
    set_subreaper()
    handoff = read_handoff(os.environ)
    lock = locks.take(run_dir.alive_lock, _LOCK_PATIENCE)
    if lock is None:
        print(f"{run_dir.path}: another shim runs it", file=sys.stderr)
        return RUNS_ELSEWHERE
    try:
        attempt = latest_attempt(run_dir) + 1
        if handoff.attempt not in (None, attempt):
            print(f"{run_dir.path}: another shim has begun attempt {handoff.attempt}", file=sys.stderr)
            return RUNS_ELSEWHERE
        take_stop(run_dir, handoff.grace)  # a request that an earlier attempt left behind
        end = _run_attempt(run_dir, attempt, trainer_command, handoff, lock, wakeup)
        return FINISHED if end["kind"] == "finished" else NOT_FINISHED
    finally:
        os.close(lock)


def start_ingest(home: Home) -> None:
    """Starts the reading of new log lines into the database, detached; how that goes is no concern of the run."""
    subprocess.Popen(
        [sys.executable, "-P", "-m", "store.ingest", str(home.path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _run_attempt(
    run_dir: RunDir, attempt: int, command: Sequence[str], handoff: Handoff, lock: int, wakeup: int
) -> Event:
    ooms = oom_kills()
    group = _start(run_dir, attempt, command, handoff, lock)
    try:
        _write_repro(run_dir, attempt)
        stop_asked = _watch(group, StopRequests(run_dir, wakeup, handoff.grace))
    finally:
        # Also when this fails: a trainer must not outlive its shim unnoticed.
        returncode = group.end()
    failure = classify(returncode, stop_asked, oom_kills() > ooms, run_dir.out(attempt))
    return ending(run_dir, attempt) or _record_failure(run_dir, attempt, failure)


def _start(run_dir: RunDir, attempt: int, command: Sequence[str], handoff: Handoff, lock: int) -> TrainerGroup:
    shim = identify(os.getpid())
    # Written before the trainer starts, too: a shim killed in between must not look like a supervised run.
    ProcRecord(attempt, shim, None, handoff.slot, handoff.threads).write(run_dir)
    descriptors = (lock, *handoff.descriptors)
    group = start_group(command, run_dir.out(attempt), trainer_environment(attempt), descriptors)
    try:
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
    except subprocess.SubprocessError as error:
        print(f"{run_dir.repro(attempt)}: not written ({error})", file=sys.stderr)


def _watch(group: TrainerGroup, requests: StopRequests) -> bool:
    """Waits for the trainer to end and passes on requests to stop; returns whether there was one.

    The first ends in SIGKILL once its grace has passed, the second at once.
    """
    stop_asked, kill_at = False, math.inf
    while not group.ended_within(min(_CONTROL_SECONDS, kill_at - time.monotonic()), requests.wakeup):
        for grace in requests.take():
            kill_at = time.monotonic() if stop_asked else time.monotonic() + grace
            if not stop_asked:
                group.signal(signal.SIGTERM)
            stop_asked = True
        if time.monotonic() >= kill_at:
            group.signal(signal.SIGKILL)
            kill_at = math.inf
    return stop_asked


def _record_failure(run_dir: RunDir, attempt: int, failure: Event) -> Event:
    reserve_of(run_dir.events).unlink(missing_ok=True)  # of a trainer that was killed: the disk may be full
    log = EventLog(run_dir.shim_events, run_dir.run_id, attempt)
    log.write("failed", **failure)
    log.close()
    return {"kind": "failed", **failure}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
