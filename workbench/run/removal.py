"""Removes runs: out of sight at once, however long the deleting takes."""

import os
import shutil

from workbench.errors import LockedError
from workbench.run import locks
from workbench.run.checkpoints import sizes_under
from workbench.run.layout import Home, RunDir
from workbench.run.prepare import MAKING


def folder_bytes(run_dir: RunDir) -> int:
    """What the files of a run take."""
    return sum(sizes_under(run_dir.path))


def remove(home: Home, run_dir: RunDir) -> None:
    """Renames the folder out of the runs, then deletes it; one that is killed in between leaves no half run.

    Raises LockedError when a process is at the run.
    """
    own = locks.take(run_dir.shim_lock)
    if own is None or locks.is_held(run_dir.alive_lock):
        if own is not None:
            os.close(own)
        raise LockedError(f"run {run_dir.run_id} has been started meanwhile", "stop it first: workbench runs stop")
    try:
        gone = home.runs / f"{MAKING}removed-{run_dir.run_id}-{os.getpid()}"
        run_dir.path.rename(gone)
    finally:
        os.close(own)
    shutil.rmtree(gone)
