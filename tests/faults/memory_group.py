"""A real control group with a memory limit, of whichever version this machine has, for processes to be put into."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from workbench.run.cgroups import memory_groups

_LIMIT = {1: "memory.limit_in_bytes", 2: "memory.max"}


@contextmanager
def memory_group(limit_bytes: int) -> Iterator[Callable[[], None] | None]:
    """Yields what moves the calling process into the group (for `preexec_fn`); None where no group can be made.

    The group must be empty again at the end.
    """
    folder = _make(limit_bytes)
    if folder is None:
        yield None
        return
    try:
        yield lambda: _move_into(folder)
    finally:
        folder.rmdir()


def _make(limit_bytes: int) -> Path | None:
    for group in memory_groups():
        folder = group.top / f"workbench-test-{uuid4().hex[:12]}"
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            (folder / _LIMIT[group.version]).write_text(str(limit_bytes))
        except OSError:  # the hierarchy without the memory controller, on a hybrid host
            folder.rmdir()
        else:
            return folder
    return None


def _move_into(folder: Path) -> None:
    (folder / "cgroup.procs").write_text(str(os.getpid()))
