"""The line of the Library screen: for a filter, a name, tags or a file, by what it was opened for."""

from enum import StrEnum

from textual.message import Message

from tui.widgets.said_line import SaidLine


class Purpose(StrEnum):
    """Its value is what the line says of itself."""

    FILTER = "words of a name, of tags, or a state; esc shows all"
    CLONE = "the name of the copy; enter makes it"
    RENAME = "the new name; enter gives it"
    TAGS = "tags with spaces between them; enter sets them"
    EXPORT = "the file to write; enter writes it"
    IMPORT = "a plan, recipe or study file (.yaml), a .zip of plan and recipe, or paste the text of one; enter takes it"
    PASTE = "the name it gets, else the one in it; enter takes it into the library"
    STUDY = "the model, and its recipe if it is not demo; enter writes the study, nothing runs yet"


_PROPOSED = (Purpose.CLONE, Purpose.EXPORT)


class LibraryLine(SaidLine):
    """Hidden until it is needed."""

    class Typed(Message):
        """Another text of the filter."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Entered(Message):
        """Enter was pressed."""

        def __init__(self, purpose: Purpose, text: str, pasted: str = "") -> None:
            """`pasted` are the lines that came with it."""
            super().__init__()
            self.purpose, self.text, self.pasted = purpose, text, pasted

    class Left(Message):
        """Escape was pressed."""

        def __init__(self, purpose: Purpose) -> None:
            super().__init__()
            self.purpose = purpose

    def __init__(self) -> None:
        super().__init__("ask")
        self._purpose, self._pasted = Purpose.FILTER, ""

    def open(self, purpose: Purpose, text: str) -> None:
        self._purpose, self._pasted = purpose, ""
        self.show(text, proposed=purpose in _PROPOSED)
        self.say(purpose)

    def pasted(self, text: str) -> bool:
        if self._purpose not in (Purpose.IMPORT, Purpose.PASTE):
            return False
        self.open(Purpose.PASTE, "")
        self._pasted = text
        self._hint()
        return True

    def _hint(self) -> None:
        lines = f"{len(self._pasted.splitlines())} lines were pasted: " if self._pasted else ""
        self.say(lines + self._purpose)

    def typed(self, text: str) -> None:
        if self._purpose is Purpose.FILTER:
            self.post_message(self.Typed(text))
        elif self.is_open:
            self._hint()

    def entered(self, text: str) -> None:
        self.post_message(self.Entered(self._purpose, text.strip(), self._pasted))

    def left(self) -> None:
        self.post_message(self.Left(self._purpose))
