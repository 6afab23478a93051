"""Following the logs of runs as they grow."""

from pathlib import Path

from workbench.run.events import parse_lines
from workbench.run.layout import RunDir
from workbench.run.logs import Event

POLL_SECONDS = 0.1


class Tail:
    """One log, read onwards from a byte offset; an unfinished last line waits for its rest."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self._path, self._offset, self._partial = path, offset, b""

    def read(self) -> list[Event]:
        """The events of the lines that were completed since the last read; none while there is no file."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        self._offset += len(data)
        complete, newline, self._partial = (self._partial + data).rpartition(b"\n")
        return list(parse_lines(complete)) if newline else []


class RunTail:
    """Both logs of a run, from attempt `since` on."""

    def __init__(self, run_dir: RunDir, since: int = 0) -> None:
        self._tails = (Tail(run_dir.events), Tail(run_dir.shim_events))
        self._since = since

    def read(self) -> list[Event]:
        """New events, the trainer's before the supervisor's."""
        return [event for tail in self._tails for event in tail.read() if event.get("attempt", 0) >= self._since]
