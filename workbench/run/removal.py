"""Removes runs: out of sight at once, however long the deleting takes."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from workbench.errors import LockedError
from workbench.run import locks
from workbench.run.checkpoints import remove_checkpoints, sizes_under
from workbench.run.layout import Home, RunDir
from workbench.run.prepare import MAKING
from workbench.run.tickets import queue_lock
from workbench.sample.mark import require_own


def folder_bytes(run_dir: RunDir) -> int:
    """What the files of a run take."""
    return sum(sizes_under(run_dir.path))


def remove(home: Home, run_dir: RunDir) -> int:
    """Renames the folder out of the runs, then deletes it, and returns the bytes freed.

    One that is killed in between leaves no half run. Raises LockedError when a process is at the run.
    """
    freed = folder_bytes(run_dir)
    with idle(run_dir):
        gone = home.runs / f"{MAKING}removed-{run_dir.run_id}-{os.getpid()}"
        run_dir.path.rename(gone)
    if home.queue.is_dir():
        with queue_lock(home) as tickets:  # what is still noted of it would be taken for a new run of its name
            tickets.drop_started(run_dir.run_id)
            tickets.drop_waiting(run_dir.run_id)
    shutil.rmtree(gone)
    return freed


def free_checkpoints(run_dir: RunDir) -> int:
    """Removes the run's checkpoints and returns the bytes freed. Raises LockedError when a process is at the run."""
    with idle(run_dir):
        return remove_checkpoints(run_dir)


@contextmanager
def idle(run_dir: RunDir) -> Iterator[None]:
    """Keeps every shim from the run. Raises LockedError when a process is at it, InvalidError in the sample."""
    require_own(run_dir.home)
    own = locks.take(run_dir.shim_lock)
    try:
        if own is None or locks.is_held(run_dir.alive_lock):
            raise LockedError(f"run {run_dir.run_id} has been started meanwhile", "stop it first: workbench runs stop")
        yield
    finally:
        if own is not None:
            os.close(own)
