"""The rows of `runs list`, kept in `cache/runs.rows` with marks of the files they were told from.

A home has thousands of runs of which a few change. To read the files of each, and to load DuckDB for what it knows of
them, takes seconds; to see that nothing has happened to a run takes a few calls of `stat`. The file's first line names
its format and the sum of the rest: a line per run, with tabs between marks, cells as a table has them, and the whole
row in JSON, which takes longer to parse than all else and which a table needs not.
"""

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from zlib import crc32

from workbench import __version__, atomic
from workbench.run.layout import Home

Row = dict[str, Any]
Mark = str  # time of the last change in nanoseconds, bytes

_FORMAT = f"3 {__version__}".encode()  # the number is for what is kept: how rows and cells are written, too
# What changes twice within one tick of the file system's clock has the same time after both.
_TICK_NS = 2_000_000_000
_MARKED = ("", "/checkpoint", "/events.jsonl", "/shim.jsonl")
_RECORD = "/run.json"


class Marks(NamedTuple):
    """What tells that something has happened to a run: marks of its folder and logs, and of its record.

    A mark is empty where there is no such file.
    """

    folder: Mark
    checkpoints: Mark
    events: Mark
    shim_events: Mark
    record: Mark

    @property
    def logs(self) -> tuple[Mark, Mark]:
        return self.events, self.shim_events


class KeptRow(NamedTuple):
    """A row as it was told last: its cells in the table, and all of it as JSON. Cells are of one line, without tabs.

    `over`: the attempt was over. `begun`: the attempt that was at work and whose start the store had taken in, so that
    it has nothing new for the row until the end of that attempt; else None. `order` sorts rows by when runs were made.
    """

    marks: Marks
    over: bool
    begun: int | None
    order: str
    cells: tuple[str, ...]
    text: str

    @property
    def row(self) -> Row:
        found: Row = json.loads(self.text)
        return found

    def holds(self, folder: str) -> bool:
        """Whether nothing has happened to a run that was over. The queue is for the caller to ask.

        Whatever makes an attempt or removes something renames, makes or removes a file in the folder: what was not
        there when the marks were taken has changed the folder's by coming.
        """
        marked = zip(_MARKED, self.marks, strict=False)  # but the record, which only the store reads
        return self.over and all([_mark(folder + name) == mark for name, mark in marked if mark])


def marks_of(folder: str) -> Marks:
    """The marks of a run's folder; to be taken before its files are read, so that a change meanwhile is seen later."""
    return Marks(*(_mark(folder + name) for name in (*_MARKED, _RECORD)))


def read_kept(home: Home) -> dict[str, KeptRow]:
    """The kept rows by run; none where there are none, or they are not this version's, or damaged."""
    try:
        head, rest = (home.cache / "runs.rows").read_bytes().split(b"\n", 1)
        return dict(map(_parsed, rest.decode().split("\n"))) if rest and head == _head(rest) else {}
    except (OSError, ValueError):
        return {}


def _parsed(line: str) -> tuple[str, KeptRow]:
    run_id, *fields = line.split("\t")
    over, begun, order = fields[5:8]
    marks = Marks._make(fields[:5])
    return run_id, KeptRow(marks, bool(over), int(begun) if begun else None, order, tuple(fields[8:-1]), fields[-1])


def _written(run_id: str, kept: KeptRow) -> str:
    over, begun = "over" if kept.over else "", str(kept.begun or "")
    return "\t".join((run_id, *kept.marks, over, begun, kept.order, *kept.cells, kept.text))


def keep(home: Home, rows: Mapping[str, KeptRow]) -> None:
    """Writes the rows whose marks tell any later change; none where the home cannot be written to."""
    now = time.time_ns()
    lines = [_written(run_id, kept) for run_id, kept in rows.items() if run_id.isalnum() and _is_sure(kept, now)]
    rest = "\n".join(lines)
    with suppress(OSError):
        home.cache.mkdir(exist_ok=True)
        atomic.write_text(home.cache / "runs.rows", f"{_head(rest.encode()).decode()}\n{rest}")


def _head(rest: bytes) -> bytes:
    return b"%s %08x" % (_FORMAT, crc32(rest))


def _is_sure(kept: KeptRow, now: int) -> bool:
    marks = [kept.marks.record, *(filter(None, kept.marks) if kept.over else ())]
    return all(mark and abs(now - int(mark.split()[0])) > _TICK_NS for mark in marks)


def _mark(path: str) -> Mark:
    try:
        found = os.stat(path)
    except OSError:
        return ""
    return f"{found.st_mtime_ns} {found.st_size}"
