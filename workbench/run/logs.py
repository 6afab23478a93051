"""Reading event logs cheaply: the newest events from the end of the file, however long it is."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from workbench.run.events import TERMINAL_KINDS
from workbench.run.layout import RunDir
from workbench.run.proc import ProcRecord, read_proc

Event = dict[str, Any]

BLOCK_BYTES = 64 * 1024
# A trainer's last event is its terminal one; this many more leave room for warnings and give a median step time.
RECENT = 64
_HEAD_LINES = 100
_MOST_KEPT = 64  # logs; more are at work nowhere, and all of a home would take tens of megabytes
_kept: dict[tuple[str, int], tuple[tuple[int, int, int], tuple[Event, ...]]] = {}


def recent_events(path: Path, count: int = RECENT) -> list[Event]:
    """The newest `count` events of a log, oldest first; none when the file does not exist."""
    try:
        with path.open("rb") as file:
            return list(_recent(file, str(path), count))
    except FileNotFoundError:
        return []


def _recent(file: BinaryIO, path: str, count: int) -> tuple[Event, ...]:
    """Runs at work are looked at every second, and a log that has not grown says what it said."""
    found = os.fstat(file.fileno())
    mark = found.st_ino, found.st_mtime_ns, found.st_size
    kept = _kept.get((path, count))
    if kept and kept[0] == mark:
        return kept[1]
    events = tuple(islice(_newest_first(file), count))[::-1]
    _kept[path, count] = mark, events
    for old in list(_kept)[:-_MOST_KEPT]:
        _kept.pop(old, None)
    return events


def planned_steps(run_dir: RunDir) -> int | None:
    """The steps that the first `started` event names; they are part of the run, so the same in every attempt."""
    try:
        with run_dir.events.open("rb") as file:
            for line in islice(file, _HEAD_LINES):
                event = _parse(line)
                if event is not None and event["kind"] == "started":
                    return event.get("steps")
    except FileNotFoundError:
        pass
    return None


def latest_attempt(run_dir: RunDir) -> int:
    """The highest attempt that left a trace, 0 when there was none."""
    newest = [event for path in (run_dir.events, run_dir.shim_events) for event in recent_events(path, 1)]
    return attempt_of(run_dir, newest, read_proc(run_dir))


def attempt_of(run_dir: RunDir, newest: Iterable[Event], proc: ProcRecord | None) -> int:
    """The same, with the newest event of each log and proc.json read already."""
    logged = [int(event.get("attempt", 0)) for event in newest]
    return max([0, *logged, *_outputs(run_dir), proc.attempt if proc else 0])


def _outputs(run_dir: RunDir) -> list[int]:
    """The attempts whose trainer was started, by the names of their outputs."""
    with suppress(FileNotFoundError, NotADirectoryError):
        parts = [name.split(".") for name in os.listdir(run_dir.path)]
        return [int(p[1]) for p in parts if len(p) == 3 and (p[0], p[2]) == ("out", "log") and p[1].isdigit()]
    return []


def ending(run_dir: RunDir, attempt: int) -> Event | None:
    """The terminal event of an attempt, in either log; None when there is none."""
    return last_terminal([*recent_events(run_dir.events), *recent_events(run_dir.shim_events)], attempt)


def last_terminal(events: Iterable[Event], attempt: int) -> Event | None:
    """The last terminal event of an attempt among these."""
    found = [e for e in events if e["kind"] in TERMINAL_KINDS and e.get("attempt") == attempt]
    return found[-1] if found else None


def _newest_first(file: BinaryIO) -> Iterator[Event]:
    """Parses complete lines from the end. What follows the last newline is still being written, or torn."""
    for line in islice(_lines_backwards(file), 1, None):
        event = _parse(line)
        if event is not None:
            yield event


def _lines_backwards(file: BinaryIO) -> Iterator[bytes]:
    """The pieces between newlines, last first, reading one block at a time and only as far as is asked for."""
    start = file.seek(0, os.SEEK_END)
    rest = b""
    while start > 0:
        end, start = start, max(0, start - BLOCK_BYTES)
        file.seek(start)
        first, *lines = (file.read(end - start) + rest).split(b"\n")
        yield from reversed(lines)
        rest = first
    yield rest


def _parse(line: bytes) -> Event | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "kind" in event else None
