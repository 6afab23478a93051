"""The SQL editor: completes names at tab, goes back through what was run, and is left by escape."""

from contextlib import suppress
from typing import Any, ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea
from textual.widgets.text_area import LanguageDoesNotExist, Location

from tui.compare.completion import Completion, Names, complete
from tui.compare.statements import Statement, statement_at

_LINES = 100  # a completion looks at so many lines around the cursor
_OFFERED = 8


class SqlEditor(TextArea):
    """Where tree-sitter's SQL is not installed, the text is plain; all else is the same."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("alt+up", "older", "Older", show=False, id="sql.older", tooltip="The query that was run before"),
        Binding("alt+down", "newer", "Newer", show=False, id="sql.newer", tooltip="The query that was run after"),
        Binding("escape", "leave", "Leave", id="sql.leave", tooltip="Leave the editor, or stop the query"),
    ]

    class Left(Message):
        """Escape was pressed."""

    class Turned(Message):
        """Another query of the history is asked for: `steps` is -1 or 1."""

        def __init__(self, steps: int) -> None:
            super().__init__()
            self.steps = steps

    def __init__(self, text: str = "", **arguments: Any) -> None:
        super().__init__(text, tab_behavior="indent", soft_wrap=False, show_line_numbers=True, **arguments)
        self._names = Names()
        self._completion = Completion("")
        self._number = 0
        self._at: Location | None = None

    def on_mount(self) -> None:
        with suppress(LanguageDoesNotExist):
            self.language = "sql"

    @property
    def statement(self) -> Statement | None:
        """The statement under the cursor."""
        row, column = self.cursor_location
        text = self.text.replace("\r\n", "\n")
        lines = text.split("\n")
        return statement_at(text, sum(len(line) + 1 for line in lines[:row]) + column)

    def know(self, names: Names) -> None:
        self._names = names

    def put(self, text: str) -> None:
        """Another text, in one step that can be undone."""
        self.replace(text, self.document.start, self.document.end)
        self.move_cursor((0, 0))

    def update_suggestion(self) -> None:
        """After each edit: what the word before the cursor may become."""
        row, column = self.cursor_location
        line_end = (row, len(self.document[row]))
        before = self.get_text_range((max(0, row - _LINES), 0), (row, column))
        after = self.get_text_range((row, column), min((row + _LINES, 0), self.document.end))
        at_end = not self.get_text_range((row, column), line_end)[:1].isalnum()
        self._offer(complete(before, after, self._names) if at_end and self.is_mounted else Completion(""))

    def _offer(self, completion: Completion, number: int = 0) -> None:
        self._completion, self._number, self._at = completion, number, self.cursor_location
        self.suggestion = completion.rest(number)
        names = completion.candidates
        shown = [*names[number:], *names[:number]][:_OFFERED] if names else []
        more = f"  +{len(names) - len(shown)}" if len(names) > len(shown) else ""
        self.border_subtitle = Text("tab " + "  ".join(shown) + more) if shown else None

    def on_text_area_selection_changed(self) -> None:
        """What was offered for a word ends when the cursor leaves it."""
        if self._at is not None and self.cursor_location != self._at and self._completion.candidates:
            self._offer(Completion(""))

    def action_cursor_right(self, select: bool = False) -> None:
        """Only tab takes what is offered: to go right past a name must not write another one."""
        self.suggestion = ""
        super().action_cursor_right(select)

    async def _on_key(self, event: events.Key) -> None:
        """Keys that are not ours go on to TextArea, which Textual calls after this."""
        if event.key == "escape":
            event.prevent_default()  # there it means the next pane; here it is a binding
        elif event.key == "tab" and self._completion.candidates:
            event.stop()
            event.prevent_default()
            self._take()

    def _take(self) -> None:
        """Writes the candidate that is offered in place of the word; a second tab writes the next one instead."""
        row, column = self.cursor_location
        completion, number = self._completion, self._number
        name = completion.candidates[number]
        self.replace(name, (row, column - len(completion.word)), (row, column))
        if len(completion.candidates) > 1:
            self._offer(Completion(name, completion.candidates), (number + 1) % len(completion.candidates))
            self.suggestion = ""

    def on_blur(self) -> None:
        self._offer(Completion(""))

    def action_leave(self) -> None:
        self.post_message(self.Left())

    def action_older(self) -> None:
        self.post_message(self.Turned(-1))

    def action_newer(self) -> None:
        self.post_message(self.Turned(1))
