"""Advisory locks on files that last as long as any process that inherited them.

A flock belongs to the open file, not to a process: it is free once every copy of the descriptor is closed, and the
kernel closes them on any death. Descriptors are passed on by `pass_fds` alone; everything else closes them at exec.
"""

import fcntl
import os
import time
from pathlib import Path

_RETRY_SECONDS = 0.02
_OBSERVER_SECONDS = 2.0


def take(path: Path, patience: float = 0.0) -> int | None:
    """Takes the lock for itself and returns the open descriptor, None when another holds it.

    Tries for `patience` seconds, and for up to 2 s where only observers are in the way, which stay for an instant. To
    let go, close the descriptor; unlocking would free it for the processes that inherited it, too.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    began = time.monotonic()
    while not _try(descriptor, fcntl.LOCK_EX):
        limit = max(patience, _OBSERVER_SECONDS) if _is_only_observed(descriptor) else patience
        if time.monotonic() - began >= limit:
            os.close(descriptor)
            return None
        time.sleep(_RETRY_SECONDS)
    return descriptor


def _is_only_observed(descriptor: int) -> bool:
    """Whether nobody holds the lock for itself: a lock that others share can be shared, too."""
    if not _try(descriptor, fcntl.LOCK_SH):
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True


def is_held(path: str | Path) -> bool:
    """Whether somebody holds the lock. Looks through a shared lock, so that observers never see each other."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        if not _try(descriptor, fcntl.LOCK_SH):
            return True
        # Unlocked by name: a fork of another thread may hold a copy of the descriptor for a moment longer.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        return False
    finally:
        os.close(descriptor)


def _try(descriptor: int, mode: int) -> bool:
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
