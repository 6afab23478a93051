"""The output of a trainer by byte offset: whole lines, and the one that is still being written over."""

import re
from dataclasses import dataclass
from pathlib import Path

from workbench.report.plain import visible

_TAIL_BYTES = 256 * 1024
_MOST_CELLS = 2000
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")


@dataclass(frozen=True, slots=True)
class Said:
    """What an output gained: whole lines, and what stands in the last, unfinished one."""

    lines: tuple[str, ...]
    under_way: str


class Console:
    """One output, from near its end on; earlier lines are in the file that `runs logs` prints."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset: int | None = None
        self._partial = b""

    def read(self) -> Said | None:
        """What came since the last read; None for nothing. The file may not be there yet, or no more."""
        data = self._more()
        if not data:
            return None
        *lines, self._partial = (self._partial + data).split(b"\n")
        # A bar that never ends its line must not grow without end: only its last state is shown anyway.
        self._partial = self._partial[-_TAIL_BYTES:]
        return Said(tuple(map(shown, lines)), shown(self._partial))

    def _more(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, 2)
                first = self._offset is None
                if self._offset is None or size < self._offset:  # cut short: begun anew
                    self._offset, self._partial = max(0, size - _TAIL_BYTES), b""
                file.seek(self._offset)
                data = file.read(size - self._offset)
        except OSError:
            return b""
        begun_inside = first and self._offset > 0
        self._offset += len(data)
        return data.partition(b"\n")[2] if begun_inside else data


def shown(line: bytes) -> str:
    """A line as a terminal would leave it, roughly: what follows a carriage return is written over what was before."""
    text = _ANSI.sub("", line.decode(errors="replace"))
    parts = [part for part in text.split("\r") if part]
    return visible(parts[-1][:_MOST_CELLS].expandtabs()) if parts else ""
