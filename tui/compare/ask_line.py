"""A line that asks one thing at a time: the values of a lens, the name of a new one, where to export to."""

import shlex
from collections.abc import Callable, Sequence

from textual.message import Message

from tui.compare.parameters import Values, read_values, values_text
from tui.widgets.said_line import SaidLine


class AskLine(SaidLine):
    """Enter sends the answer and leaves the line open: what is asked may have to be asked again."""

    DEFAULT_CSS = """
    AskLine {
        height: auto; max-height: 6;
        & Static { height: auto; }
    }
    """

    class Chosen(Message):
        """Values for the parameters of lenses."""

        def __init__(self, values: Values) -> None:
            super().__init__()
            self.values = values

    class Named(Message):
        """The name of a lens that is to be kept."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class Placed(Message):
        """The file that a result is to be written to."""

        def __init__(self, path: str) -> None:
            super().__init__()
            self.path = path

    class Left(Message):
        """The line was left without an answer."""

    def __init__(self) -> None:
        super().__init__("ask")
        self._answered: Callable[[str], object] = self._chosen

    def ask_values(self, given: Values, choices: str) -> None:
        self._ask(self._chosen, values_text(given), choices)

    def ask_missing(self, name: str, known: Sequence[str], choices: str) -> None:
        """The value that a lens cannot do without; what is known is completed."""
        self._ask(self._chosen, f"{name}=", choices, [f"{name}={shlex.quote(value)}" for value in known])

    def ask_name(self) -> None:
        hint = "the name of the lens; one that ends in ! replaces a lens of yours"
        self._ask(lambda text: self.post_message(self.Named(text)), "", hint)

    def ask_file(self) -> None:
        hint = "a file that ends in .csv, .json, .md, .parquet, or .svg for the chart; one that ends in ! is replaced"
        self._ask(lambda text: self.post_message(self.Placed(text)), "result.csv", hint, proposed=True)

    def entered(self, text: str) -> None:
        self._answered(text)

    def left(self) -> None:
        self.post_message(self.Left())

    def _ask(
        self,
        answered: Callable[[str], object],
        text: str,
        hint: str,
        completions: Sequence[str] = (),
        *,
        proposed: bool = False,
    ) -> None:
        self._answered = answered
        self.show(text, completions=completions, proposed=proposed)
        self.say(hint)

    def _chosen(self, text: str) -> None:
        read = read_values(text)
        if read.error:
            self.say(read.error)
        else:
            self.post_message(self.Chosen(read.values))
