"""The grown parts of the run logs, in pieces that end at a line's end."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench.run.layout import Home

PIECE_BYTES = 4 << 20
BATCH_BYTES = 8 << 20
BATCH_PIECES = 400
_LOGS = (("events", "events.jsonl"), ("shim", "shim.jsonl"))


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
    """Complete lines of a log, without the last newline; `end` is the offset after it."""

    log: Log
    text: str
    end: int


def run_names(home: Home) -> list[str]:
    """The names of the run folders, in order."""
    try:
        with os.scandir(home.runs) as found:
            return sorted(entry.name for entry in found if not entry.name.startswith("."))
    except FileNotFoundError:
        return []


def changed_logs(home: Home, runs: Iterable[str], offsets: Mapping[str, int]) -> list[Log]:
    """The logs of these runs that are not as long as what was read of them, with the size they have now.

    Homes have thousands of runs of which few have changed, so this works on plain strings.
    """
    logs = []
    for run_id in runs:
        for source, name in _LOGS:
            key = f"runs/{run_id}/{name}"
            try:
                size = os.stat(f"{home.path}/{key}").st_size
            except (FileNotFoundError, NotADirectoryError):
                continue
            if size != offsets.get(key, 0):
                logs.append(Log(key, home.path / key, run_id, source, size))
    return logs


def is_rewritten(log: Log, offset: int) -> bool:
    """Whether the file cannot be the one that was read up to `offset`: shorter, or no line ends there."""
    if offset == 0 or log.size == offset:
        return False
    if log.size < offset:
        return True
    try:
        with log.path.open("rb") as file:
            file.seek(offset - 1)
            return file.read(1) != b"\n"
    except FileNotFoundError:
        return False


def pieces(log: Log, offset: int) -> Iterator[Piece]:
    """The log from `offset` to its last newline within `log.size`, about 4 MB at a time; none of a removed log."""
    try:
        file = log.path.open("rb")
    except FileNotFoundError:
        return
    with file:
        file.seek(offset)
        data = b""
        while more := file.read(min(PIECE_BYTES, log.size - offset - len(data))):
            data += more
            end = data.rfind(b"\n") + 1
            if end:  # else the line is longer than a piece: read on
                offset += end
                yield Piece(log, data[: end - 1].decode("utf-8", "replace"), offset)
                data = data[end:]


def batches(logs: Iterable[Log], offsets: Mapping[str, int]) -> Iterator[list[Piece]]:
    """All that has grown, as lists of pieces small enough for one transaction each."""
    batch: list[Piece] = []
    size = 0
    for log in logs:
        for piece in pieces(log, offsets.get(log.key, 0)):
            batch.append(piece)
            size += len(piece.text)
            if size >= BATCH_BYTES or len(batch) >= BATCH_PIECES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch
