"""What stands in the editor, kept in the home a moment after each change: it outlives the program."""

from collections.abc import Callable
from pathlib import Path

from textual.timer import Timer
from textual.widget import Widget

from workbench import atomic

_AFTER = 0.4  # seconds without a key until it is written


class DraftKeeper:
    """`tell` is given the sentence that says why it cannot be kept."""

    def __init__(self, widget: Widget, path: Path, tell: Callable[[str], None]) -> None:
        self._widget, self._path, self._tell = widget, path, tell
        self._text = self._saved = ""
        self._waiting: Timer | None = None

    def read(self) -> str:
        """What was kept, "" for nothing."""
        try:
            self._text = self._path.read_bytes().decode("utf-8", "replace")
        except OSError:
            self._text = ""
        self._saved = self._text
        return self._text

    def keep(self, text: str) -> None:
        """Soon; the last of several texts alone."""
        self._text = text
        if self._waiting is not None:
            self._waiting.stop()
        self._waiting = self._widget.set_timer(_AFTER, self.save)

    def save(self) -> None:
        """Now, if it is another text than the one that was kept."""
        if self._text == self._saved:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            atomic.write_text(self._path, self._text)
            self._saved = self._text
        except OSError as error:
            self._tell(f"what is in the editor cannot be kept: {error.strerror}")
