"""A line to write in, with a line under it that says what can be written there, or what is wrong and where."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static
from textual.widgets.input import Selection

from workbench.report.plain import visible

MOST = 4000  # characters; what is longer was pasted by mistake, and is refused


class _Line(Input):
    """Several lines that are pasted are offered to the `SaidLine` around it; an input would keep the first alone."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """A slash is written, too, whatever it does elsewhere: its name is not the one by which its sign is found."""
        return key == "slash" or super().check_consume_key(key, character)

    def on_paste(self, event: events.Paste) -> None:
        around = self.parent
        if "\n" in event.text.strip() and isinstance(around, SaidLine) and around.pasted(event.text):
            event.stop()
            event.prevent_default()


class SaidLine(Vertical):
    """Hidden until it is opened. A subclass says what is done with the text: `typed`, `entered`, `left`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", id="line.leave", tooltip="Close the line; enter takes what is written")
    ]
    DEFAULT_CSS = """
    SaidLine {
        height: 2; display: none;
        &.-open { display: block; }
        & Input, & Input.-textual-compact { padding: 0 1; background: $panel; }
        & Static { height: 1; padding: 0 1; }
    }
    """

    def __init__(self, name: str) -> None:
        """`name` is the identifier of the input; what it says is `NAME-says`."""
        super().__init__()
        self._line_id = name

    def compose(self) -> ComposeResult:
        yield _Line(id=self._line_id, compact=True, select_on_focus=False, max_length=MOST)
        yield Static("", id=f"{self._line_id}-says", markup=False)

    @property
    def is_open(self) -> bool:
        return self.has_class("-open")

    def show(
        self, text: str, placeholder: str = "", completions: Sequence[str] = (), *, proposed: bool = False
    ) -> None:
        """Opens it with this text, the cursor at its end; tab takes the completion that is offered.

        Of a text that is only `proposed` all is selected: what is typed takes its place.
        """
        self.add_class("-open")
        self.display = True  # at once: the next key may come before styles are worked out
        line = self.query_one(Input)
        line.suggester = SuggestFromList(completions) if completions else None
        line.placeholder, line.value = placeholder, text
        line.selection = Selection(0 if proposed else len(text), len(text))
        self.screen.set_focus(line)

    def say(self, text: str, column: int = 0) -> None:
        """With a caret under that column of the line, from 1; 0 for none. Lines of the text are told as one."""
        caret = f"{' ' * (column - 1)}^ " if column else ""
        told = "; ".join(line.strip() for line in text.splitlines())
        self.query_one(Static).update(caret + visible(told))

    def close(self) -> None:
        self.remove_class("-open")
        self.display = False

    def typed(self, text: str) -> None:
        """The text is another one."""

    def pasted(self, text: str) -> bool:
        """Whether lines that were pasted are taken as they are; else the first of them is typed."""
        return False

    def entered(self, text: str) -> None:
        """Enter was pressed."""

    def left(self) -> None:
        """Escape was pressed; the line is closed."""

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.typed(event.value)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.entered(event.value)

    def on_key(self, event: events.Key) -> None:
        """Tab completes, as right does at the end; it does not leave the line."""
        if event.key == "tab":
            event.stop()
            event.prevent_default()
            self.query_one(Input).action_cursor_right()

    def action_leave(self) -> None:
        self.close()
        self.left()
