"""The grown parts of the run logs, in pieces that end at a line's end."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, NamedTuple

from workbench.run.layout import Home

PIECE_BYTES = 4 << 20
BATCH_BYTES = 8 << 20
BATCH_PIECES = 400
TAIL_BYTES = 256
_LOGS = (("events", "events.jsonl"), ("shim", "shim.jsonl"))


class Cursor(NamedTuple):
    """How far a log was read, in bytes, and a digest of the last of them."""

    offset: int
    tail: str


Cursors = Mapping[str, Cursor]
START = Cursor(0, "")


@dataclass(frozen=True, slots=True)
class Log:
    """One log file of a run. `key` names it in the cursor table, relative to the home; `size` is in bytes.

    `source` is 'events' (the trainer's) or 'shim' (the supervisor's).
    """

    key: str
    path: Path
    run_id: str
    source: str
    size: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Complete lines of a log, without the last newline; `end` is where the log is read up to with them."""

    log: Log
    text: str
    end: Cursor


def run_names(home: Home) -> list[str]:
    """The names of the run folders, in order."""
    try:
        with os.scandir(home.runs) as found:
            return sorted(entry.name for entry in found if not entry.name.startswith("."))
    except FileNotFoundError:
        return []


def changed_logs(home: Home, runs: Iterable[str], cursors: Cursors) -> list[Log]:
    """The logs of these runs that are not as long as what was read of them, with the size they have now.

    A log that was read and is gone has size 0.

    Homes have thousands of runs of which few have changed, so this works on plain strings.
    """
    logs = []
    for run_id in runs:
        for source, name in _LOGS:
            key = f"runs/{run_id}/{name}"
            try:
                size = os.stat(f"{home.path}/{key}").st_size
            except (FileNotFoundError, NotADirectoryError):
                size = 0
            if size != cursors.get(key, START).offset:
                logs.append(Log(key, home.path / key, run_id, source, size))
    return logs


def is_rewritten(log: Log, cursor: Cursor) -> bool:
    """Whether the file is not the one that was read up to the cursor: shorter, or with other bytes before it."""
    if cursor.offset == 0 or log.size < cursor.offset:
        return cursor.offset > 0
    try:
        with log.path.open("rb") as file:
            return _digest(_before(file, cursor.offset)) != cursor.tail
    except FileNotFoundError:
        return False


def _before(file: BinaryIO, offset: int) -> bytes:
    """The last bytes before the offset, which the file is left at."""
    start = max(0, offset - TAIL_BYTES)
    file.seek(start)
    return file.read(offset - start)


def _digest(tail: bytes) -> str:
    return blake2b(tail, digest_size=8).hexdigest()


def pieces(log: Log, cursor: Cursor) -> Iterator[Piece]:
    """The log from the cursor to its last newline within `log.size`, about 4 MB at a time; none of a removed log."""
    try:
        file = log.path.open("rb")
    except FileNotFoundError:
        return
    with file:
        offset, data = cursor.offset, b""
        tail = _before(file, offset)
        while more := file.read(min(PIECE_BYTES, log.size - offset - len(data))):
            data += more
            end = data.rfind(b"\n") + 1
            if end:  # else the line is longer than a piece: read on
                offset += end
                tail = (tail + data[max(0, end - TAIL_BYTES) : end])[-TAIL_BYTES:]
                yield Piece(log, data[: end - 1].decode("utf-8", "replace"), Cursor(offset, _digest(tail)))
                data = data[end:]


def batches(logs: Iterable[Log], cursors: Cursors) -> Iterator[list[Piece]]:
    """All that has grown, as lists of pieces small enough for one transaction each."""
    batch: list[Piece] = []
    size = 0
    for log in logs:
        for piece in pieces(log, cursors.get(log.key, START)):
            batch.append(piece)
            size += len(piece.text)
            if size >= BATCH_BYTES or len(batch) >= BATCH_PIECES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch
