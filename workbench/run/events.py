"""The event log of a run: JSON lines, appended by one process, read by anyone.

`events.jsonl` is written by the trainer alone, `shim.jsonl` by the supervisor alone.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from workbench.errors import no_space_left

SCHEMA_VERSION = 1
KINDS = (
    *("started", "base_ready", "audit", "metric", "eval", "checkpoint", "site_stats"),
    *("telemetry", "resumed", "paused", "stopped", "warning", "failed", "finished"),
)
TERMINAL_KINDS = ("finished", "stopped", "paused", "failed")
STATE_KINDS = (*TERMINAL_KINDS, "started", "resumed", "checkpoint", "audit", "site_stats")


# Set aside while a log is open, so that the end of the attempt can be told on a disk that has become full.
RESERVE_BYTES = 16 * 1024


def reserve_of(log: Path) -> Path:
    """The file that holds the reserve of a log while it is written."""
    return log.with_name(f".{log.name}.reserve")


class EventLog:
    """Appends events of one attempt. Each is one write() call; state changes are also synced to disk.

    Several threads may write to one log: their events come one after the other, `seq` in the order of the lines.
    """

    def __init__(self, path: Path, run_id: str, attempt: int) -> None:
        import threading  # whoever reads logs needs none

        self._run_id, self._attempt, self._seq = run_id, attempt, 0
        self._lock = threading.Lock()
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self._end_torn_line()
        self._reserve = reserve_of(path)
        self._set_aside()

    def _set_aside(self) -> None:
        with suppress(OSError), self._reserve.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)

    def _end_torn_line(self) -> None:
        size = os.fstat(self._fd).st_size
        if size and os.pread(self._fd, 1, size - 1) != b"\n":
            os.write(self._fd, b"\n")

    def write(self, kind: str, **fields: Any) -> None:
        """Appends one event. Numbers that JSON cannot hold (NaN, infinities) become null.

        Raises ValueError for a kind that is not one of KINDS, OSError when the disk is full; of the event nothing
        is written then. The end of an attempt has space set aside for it.
        """
        if kind not in KINDS:
            raise ValueError(f"unknown kind of event: {kind}")
        with self._lock:
            self._seq += 1
            self._append_surely(self._line(kind, fields), last=kind in TERMINAL_KINDS)
            if kind in STATE_KINDS:
                os.fsync(self._fd)

    def _line(self, kind: str, fields: dict[str, Any]) -> bytes:
        event = {
            "v": SCHEMA_VERSION,
            "run_id": self._run_id,
            "attempt": self._attempt,
            "seq": self._seq,
            "t": time.time(),
            "mono": time.monotonic(),
            "kind": kind,
            **fields,
        }
        return (json.dumps(_finite(event), ensure_ascii=False) + "\n").encode()

    def _append_surely(self, line: bytes, last: bool) -> None:
        """The last line of an attempt may use the space that was set aside."""
        try:
            self._append(line)
        except OSError as error:
            if not last or not no_space_left(error):
                raise
            self._reserve.unlink(missing_ok=True)
            self._append(line)

    def _append(self, line: bytes) -> None:
        """The whole line or none of it: on a full disk a write can end in the middle."""
        written = os.write(self._fd, line)
        try:
            while written < len(line):
                written += os.write(self._fd, line[written:])
        except OSError:
            os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
            raise

    def close(self) -> None:
        os.close(self._fd)
        self._reserve.unlink(missing_ok=True)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def parse_lines(data: bytes) -> Iterator[dict[str, Any]]:
    """The events of complete lines; lines that do not parse are passed over (the ingest counts them)."""
    for line in data.split(b"\n"):
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "kind" in event:
            yield event


def read_events(path: Path) -> list[dict[str, Any]]:
    """All events of a log, none when the file does not exist."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    return list(parse_lines(data[: data.rfind(b"\n") + 1]))
