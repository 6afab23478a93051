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
    IMPORT = "a plan, recipe or study file (.yaml), or a .zip of plan and recipe; enter copies it into the library"
    STUDY = "the model, and its recipe if it is not demo; enter writes the study, nothing runs yet"


class LibraryLine(SaidLine):
    """Hidden until it is needed."""

    class Typed(Message):
        """Another text of the filter."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Entered(Message):
        """Enter was pressed."""

        def __init__(self, purpose: Purpose, text: str) -> None:
            super().__init__()
            self.purpose, self.text = purpose, text

    class Left(Message):
        """Escape was pressed."""

        def __init__(self, purpose: Purpose) -> None:
            super().__init__()
            self.purpose = purpose

    def __init__(self) -> None:
        super().__init__("ask")
        self._purpose = Purpose.FILTER

    def open(self, purpose: Purpose, text: str) -> None:
        self._purpose = purpose
        self.show(text)
        self.say(purpose)

    def typed(self, text: str) -> None:
        if self._purpose is Purpose.FILTER:
            self.post_message(self.Typed(text))
        elif self.is_open:
            self.say(self._purpose)

    def entered(self, text: str) -> None:
        self.post_message(self.Entered(self._purpose, text.strip()))

    def left(self) -> None:
        self.post_message(self.Left(self._purpose))
