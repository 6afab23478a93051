"""The line for filters: of the list while it is typed, or of the output."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from tui.runs.query import ALL, Query, QueryError, parse_query

RUNS, OUTPUT = "runs", "output"
_HINTS = {RUNS: "group:lower r>=8 status:finished -plan:x loss<1.05 NAME", OUTPUT: "text to look for in the output"}


class FilterLine(Vertical):
    """Hidden until `/` is pressed. A filter that cannot be read changes nothing, and says where it is wrong."""

    DEFAULT_CSS = """
    FilterLine {
        height: 2; display: none;
        &.-open { display: block; }
        & Input { padding: 0 1; background: $panel; }
        & Static { height: 1; padding: 0 1; }
    }
    """

    class Typed(Message):
        """Another filter of the list, or another text to look for."""

        def __init__(self, target: str, text: str, query: Query) -> None:
            super().__init__()
            self.target, self.text, self.query = target, text, query

    class Left(Message):
        """The line was closed; `kept` is False where its filter is to go."""

        def __init__(self, target: str, kept: bool) -> None:
            super().__init__()
            self.target, self.kept = target, kept

    def __init__(self) -> None:
        super().__init__()
        self._target = RUNS

    def compose(self) -> ComposeResult:
        yield Input(id="filter", compact=True)
        yield Static("", id="filter-says", markup=False)

    def open(self, target: str, text: str) -> None:
        self._target = target
        self.add_class("-open")
        line = self.query_one(Input)
        line.placeholder = _HINTS[target]
        line.value = text
        line.focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        says = self.query_one("#filter-says", Static)
        try:
            query = parse_query(event.value) if self._target == RUNS else ALL
        except QueryError as error:
            says.update(f"{' ' * (error.column - 1)}^ {error.title}; {error.hint}")
            return
        says.update("")
        self.post_message(self.Typed(self._target, event.value, query))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._close(kept=True)

    def key_escape(self) -> None:
        self._close(kept=False)

    def _close(self, kept: bool) -> None:
        self.remove_class("-open")
        self.post_message(self.Left(self._target, kept))
