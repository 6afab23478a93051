"""The rows of `runs list`, kept in `cache/runs.json` with marks of the files they were told from.

A home has thousands of runs of which a few change. To read the files of each, and to load DuckDB for what it knows of
them, takes seconds; to see that nothing has happened to a run takes a few calls of `stat`.
"""

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from workbench import __version__, atomic
from workbench.run.layout import Home

Row = dict[str, Any]
Mark = list[int]  # time of the last change in nanoseconds, bytes

_FORMAT = f"1 {__version__}"
# What changes twice within one tick of the file system's clock has the same time after both.
_TICK_NS = 2_000_000_000
# The folder first: what was not there when the marks were taken has changed its time by coming.
_MARKED = ("", "/checkpoint", "/events.jsonl", "/shim.jsonl")
_LOGS = ("/events.jsonl", "/shim.jsonl")
_RECORD = "/run.json"


class Marks(NamedTuple):
    """What tells that something has happened to a run: marks of its folder and logs, and of its record."""

    files: dict[str, Mark]
    record: Mark | None

    @property
    def logs(self) -> list[Mark | None]:
        return [self.files.get(name) for name in _LOGS]


class KeptRow(NamedTuple):
    """A row as it was told last.

    `over`: the attempt was over. `begun`: the attempt that was at work and whose start the store had taken in, so that
    it has nothing new for the row until the end of that attempt; else None. `order` sorts rows by when runs were made.
    """

    marks: Marks
    over: bool
    begun: int | None
    order: str
    row: Row

    def holds(self, folder: str) -> bool:
        """Whether nothing has happened to a run that was over. The queue is for the caller to ask.

        Whatever makes an attempt or removes something renames, makes or removes a file in the folder.
        """
        return self.over and all(_mark(folder + name) == mark for name, mark in self.marks.files.items())


def marks_of(folder: str) -> Marks:
    """The marks of a run's folder; to be taken before its files are read, so that a change meanwhile is seen later."""
    found = {name: mark for name in _MARKED if (mark := _mark(folder + name))}
    return Marks(found, _mark(folder + _RECORD))


def read_kept(home: Home) -> dict[str, KeptRow]:
    """The kept rows by run; none where there are none, or they are not this version's, or damaged."""
    try:
        raw = json.loads((home.cache / "runs.json").read_bytes())
        return {run_id: KeptRow(Marks(*marks), *rest) for run_id, (marks, *rest) in raw[_FORMAT].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def keep(home: Home, rows: Mapping[str, KeptRow]) -> None:
    """Writes the rows whose marks tell any later change; none where the home cannot be written to."""
    now = time.time_ns()
    sure = {run_id: kept for run_id, kept in rows.items() if _is_sure(kept, now)}
    with suppress(OSError):
        home.cache.mkdir(exist_ok=True)
        atomic.write_text(home.cache / "runs.json", json.dumps({_FORMAT: sure}))


def _is_sure(kept: KeptRow, now: int) -> bool:
    marks = [kept.marks.record, *(kept.marks.files.values() if kept.over else ())]
    return all(mark and abs(now - mark[0]) > _TICK_NS for mark in marks)


def _mark(path: str) -> Mark | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_mtime_ns, found.st_size]
