"""A line that asks one thing at a time: the values of a lens, the name of a new one, where to export to."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from workbench.report.plain import visible


class AskLine(Vertical):
    """Hidden until it is opened; enter sends the text, escape leaves."""

    DEFAULT_CSS = """
    AskLine {
        height: auto; max-height: 6; display: none;
        &.-open { display: block; }
        & Input { padding: 0 1; background: $panel; }
        & Static { height: auto; padding: 0 1; }
    }
    """

    class Entered(Message):
        """`what` is what was asked for, `text` the answer."""

        def __init__(self, what: str, text: str) -> None:
            super().__init__()
            self.what = what
            self.text = text

    class Left(Message):
        """The line was left without an answer."""

    def __init__(self) -> None:
        super().__init__()
        self._what = ""

    def compose(self) -> ComposeResult:
        yield Input(id="ask", compact=True, select_on_focus=False)
        yield Static("", id="ask-says", markup=False)

    def open(self, what: str, text: str, hint: str) -> None:
        self._what = what
        self.add_class("-open")
        line = self.query_one(Input)
        line.value = text
        line.cursor_position = len(text)
        line.focus()
        self.say(hint)

    def say(self, text: str) -> None:
        """What stands below the line: what can be written, or what is wrong."""
        self.query_one("#ask-says", Static).update(visible(text))

    def close(self) -> None:
        self.remove_class("-open")

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Entered(self._what, event.value))

    def key_escape(self) -> None:
        self.close()
        self.post_message(self.Left())
