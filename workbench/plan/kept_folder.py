"""A model folder that was read stays read while its files are what they were: each edit of a plan asks for it again."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

Read = TypeVar("Read")
Marks = tuple[tuple[int, int, int], ...]
_MOST = 4  # folders
_SETTLED = 1_000_000_000  # nanoseconds: what was written later may be written again without another time of change


class KeptFolders(Generic[Read]):
    """Keeps what was read of a few folders. `files` says which files of a folder it is read from."""

    def __init__(self, read: Callable[[Path], Read], files: Callable[[Path], tuple[Path, ...]]) -> None:
        self._read, self._files = read, files
        self._kept: dict[Path, tuple[tuple[Path, ...], Marks, Read]] = {}

    def read(self, folder: Path) -> Read:
        """The very same object, where no file and not the list of files has changed. Errors are those of reading."""
        kept = self._kept.get(folder)
        if kept and _marks(kept[0]) == kept[1]:
            return kept[2]
        self._kept.pop(folder, None)
        files = (folder, *self._files(folder))
        marks = _marks(files)  # before the reading: what is written meanwhile is read at the next call
        found = self._read(folder)
        if all(time.time_ns() - changed > _SETTLED for changed, _, _ in marks):
            self._kept[folder] = (files, marks, found)
        while len(self._kept) > _MOST:
            del self._kept[next(iter(self._kept))]
        return found


def _marks(files: tuple[Path, ...]) -> Marks:
    """Those of the folder itself change when a file comes or goes."""
    return tuple(map(_mark, files))


def _mark(path: Path) -> tuple[int, int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return 0, -1, 0
    return found.st_mtime_ns, found.st_size, found.st_ino
