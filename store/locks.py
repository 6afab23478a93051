"""The side lock of the results database: one writer or many readers, across processes and threads.

Whoever comes walks through a corridor of places, one behind the other, and tries for the lock from the first of them:
readers that overlap without a pause would otherwise keep a writer out for ever, and a draw among all who wait makes
some of them wait many turns. A place is a lock of the open file, too, on a byte of it, so it is free after any death.
"""

import errno
import fcntl
import os
import random
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.errors import LockedError
from workbench.run.lock_holders import describe_process, lock_owner

PATIENCE = 30.0
_PLACES = 16  # of more who wait at once, some draw for the last place
_POLL = (0.001, 0.004)


@contextmanager
def side_lock(path: Path, exclusive: bool, patience: float = PATIENCE) -> Iterator[None]:
    """Holds flock on `path`, shared or exclusive, waiting at most `patience` seconds.

    The file is opened anew each time: a flock belongs to the open file, so threads exclude each other too.
    Raises LockedError, naming the holder where the system tells it.
    """
    descriptor = _open(path)
    try:
        _acquire(descriptor, path, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH, patience)
        yield
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    """The lock file; in a folder that cannot be written to what there is of it, else the folder itself."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)


def _acquire(descriptor: int, path: Path, kind: int, patience: float) -> None:
    deadline = time.monotonic() + patience
    place = _PLACES
    while True:
        try:
            while place > 0:
                _hold(descriptor, place - 1, fcntl.F_WRLCK)
                _hold(descriptor, place, fcntl.F_UNLCK)
                place -= 1
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            _hold(descriptor, 0, fcntl.F_UNLCK)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise _held(descriptor, path, patience) from None
        time.sleep(random.uniform(*_POLL))


def _hold(descriptor: int, place: int, kind: int) -> None:
    """Takes or leaves a place. Raises BlockingIOError when another has it."""
    try:
        # struct flock: kind, whence, start, length, and a pid that must be 0 for a lock of the open file
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack("hhqqi", kind, os.SEEK_SET, place, 1, 0))
    except OSError as error:
        # A file that was opened for reading alone, where nobody can write: there are no writers to be fair to.
        if error.errno != errno.EBADF:
            raise


def _held(descriptor: int, path: Path, patience: float) -> LockedError:
    holder = lock_owner(os.fstat(descriptor), "FLOCK")
    who = describe_process(holder) if holder else "another process"
    return LockedError(
        f"{path.name} is locked by {who}, and stayed so for {patience:g} s",
        "wait for it to end, or end it; nothing is lost: the run logs hold everything",
    )
