"""The line that asks where the curves are to be written, and writes them."""

from textual.message import Message

from tui.runs.curve_file import Shown, export_words, write_curves
from tui.widgets.said_line import SaidLine
from workbench.errors import WorkbenchError


class FileLine(SaidLine):
    """Hidden until curves are exported. It stays open until the file is written."""

    DEFAULT_CSS = """
    FileLine {
        height: auto; max-height: 5;
        & Static { height: auto; }
    }
    """

    class Left(Message):
        """The line is closed. `written` says what was written, "" for nothing; `words` are the command's."""

        def __init__(self, written: str = "", words: tuple[str, ...] = ()) -> None:
            super().__init__()
            self.written, self.words = written, words

    def __init__(self) -> None:
        super().__init__("curve-file")
        self._shown = Shown("", ())

    def open(self, shown: Shown, folder: str) -> None:
        """`folder` is where the run under the cursor keeps all that it wrote."""
        self._shown = shown
        self.show(f"{shown.metric}.csv", "a file that ends in .csv", proposed=True)
        self.say(f"enter writes the curves shown; all that the run wrote is in {folder}")

    def entered(self, text: str) -> None:
        try:
            written = write_curves(self._shown, text)
        except WorkbenchError as error:
            self.say(f"{error.title}; {error.hint}")
            return
        self.close()
        self.post_message(self.Left(written, tuple(export_words(self._shown))))

    def left(self) -> None:
        self.post_message(self.Left())
