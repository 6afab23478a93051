"""The line for filters: of the list while it is typed, or of the output."""

from textual.message import Message

from tui.runs.query import ALL, Query, QueryError, parse_query
from tui.widgets.said_line import SaidLine

RUNS, OUTPUT = "runs", "output"
_HINTS = {RUNS: "group:lower r>=8 status:finished -plan:x loss<1.05 NAME", OUTPUT: "text to look for in the output"}


class FilterLine(SaidLine):
    """Hidden until `/` is pressed. A filter that cannot be read changes nothing, and says where it is wrong."""

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
        super().__init__("filter")
        self._target = RUNS

    def open(self, target: str, text: str) -> None:
        self._target = target
        self.show(text, _HINTS[target])

    def typed(self, text: str) -> None:
        try:
            query = parse_query(text) if self._target == RUNS else ALL
        except QueryError as error:
            self.say(f"{error.title}; {error.hint}", error.column)
            return
        self.say("")
        self.post_message(self.Typed(self._target, text, query))

    def entered(self, text: str) -> None:
        self.close()
        self.post_message(self.Left(self._target, kept=True))

    def left(self) -> None:
        self.post_message(self.Left(self._target, kept=False))
