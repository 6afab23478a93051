"""The side lock of the results database: one writer or many readers, across processes and threads.

Whoever comes takes the turn first and keeps it until the lock is theirs: readers that overlap without a pause would
otherwise keep a writer out for ever. The turn is a lock of the open file, too, on the first byte.
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
from workbench.run.lock_holders import describe_process, flock_owner

PATIENCE = 30.0
_POLL = (0.002, 0.02)


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
    has_turn = False
    while True:
        try:
            if not has_turn:
                _turn(descriptor, fcntl.F_WRLCK)
                has_turn = True
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            _turn(descriptor, fcntl.F_UNLCK)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise _held(descriptor, path, patience) from None
        time.sleep(random.uniform(*_POLL))


def _turn(descriptor: int, kind: int) -> None:
    """Takes or gives up the turn. Raises BlockingIOError when another has it."""
    try:
        # struct flock: kind, whence, start, length, and a pid that must be 0 for a lock of the open file
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack("hhqqi", kind, os.SEEK_SET, 0, 1, 0))
    except OSError as error:
        # A file that was opened for reading alone, where nobody can write: there are no writers to be fair to.
        if error.errno != errno.EBADF:
            raise


def _held(descriptor: int, path: Path, patience: float) -> LockedError:
    holder = flock_owner(os.fstat(descriptor))
    who = describe_process(holder) if holder else "another process"
    return LockedError(
        f"{path.name} is locked by {who}, and stayed so for {patience:g} s",
        "wait for it to end, or end it; nothing is lost: the run logs hold everything",
    )
