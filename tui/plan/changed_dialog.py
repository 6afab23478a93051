"""The plan file was changed outside: taken over, or the draft kept. Nothing is decided unasked."""

from collections.abc import Iterator
from difflib import unified_diff
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.widgets.key_line import KeyLine
from workbench.report.plain import visible

_MOST = 200


class Answer(StrEnum):
    RELOAD = "reload"
    KEEP = "keep"
    WRITE = "write"


class ChangedDialog(ModalScreen[Answer]):
    """Answers with what is to be done."""

    CSS = """
    ChangedDialog {
        align: center middle;
        & VerticalScroll { width: 90%; max-width: 100; height: auto; max-height: 80%; border: round $warning; }
        & VerticalScroll { background: $surface; padding: 0 1; }
        & Static { height: auto; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "answer('reload')", "Reload", id="changed.reload", tooltip="Take the file over; undo gives back"),
        Binding("k,escape", "answer('keep')", "Keep mine", id="changed.keep", tooltip="Keep the draft, write nothing"),
        Binding("o", "answer('write')", "Overwrite", id="changed.write", tooltip="Write the draft over the file"),
    ]

    def __init__(self, path: Path, draft: str, outside: str) -> None:
        super().__init__()
        self._path, self._draft, self._outside = path, draft, outside

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(self._text(), markup=False)
        yield KeyLine()

    def action_answer(self, answer: str) -> None:
        self.dismiss(Answer(answer))

    def _text(self) -> Text:
        text = Text(f"{visible(str(self._path))} was changed outside of this screen.\n", style="bold")
        text.append("r takes it over (u gives the draft back), k keeps the draft as it is and writes nothing, ")
        text.append("o writes the draft over it.\n\n")
        for line in self._lines():
            style = {"-": "bold", "+": "bold"}.get(line[:1], "dim")
            text.append(f"{visible(line)}\n", style=style)
        return text

    def _lines(self) -> Iterator[str]:
        """- the draft, + the file."""
        lines = list(unified_diff(self._draft.splitlines(), self._outside.splitlines(), "draft", "file", lineterm=""))
        yield from lines[:_MOST]
        if len(lines) > _MOST:
            yield f"… {len(lines) - _MOST} more lines"
