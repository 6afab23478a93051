"""The line that asks under which name the draft is written as another plan."""

from textual.message import Message

from tui.widgets.said_line import SaidLine
from workbench.errors import WorkbenchError
from workbench.run.layout import Home


class CopyLine(SaidLine):
    """Hidden until `W` is pressed."""

    class Named(Message):
        """The draft is to be written under that name, and edited there from now on."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class Left(Message):
        """The line was left without a name."""

    def __init__(self, home: Home) -> None:
        super().__init__("copy")
        self._home = home

    def open(self) -> None:
        self.show("", "name of the new plan, such as mlp-off")
        self.typed("")

    def typed(self, text: str) -> None:
        name = text.strip()
        self.say(self._problem(name) if name else "this draft becomes a plan of its own; the one before stays")

    def entered(self, text: str) -> None:
        name = text.strip()
        if name and not self._problem(name):
            self.post_message(self.Named(name))

    def left(self) -> None:
        self.post_message(self.Left())

    def _problem(self, name: str) -> str:
        """What is wrong with a name, "" for nothing."""
        from workbench.library.copies import place_of
        from workbench.library.entry import Kind

        try:
            place = place_of(self._home, Kind.PLAN, name)
        except WorkbenchError as error:
            return f"{error.title}: {error.hint}"
        return f"there is a plan {name}: another name" if place.exists() else ""
