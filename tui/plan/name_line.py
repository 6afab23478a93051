"""The line that asks for the name of a layer group."""

import re

from textual.message import Message

from tui.widgets.said_line import SaidLine
from workbench.plan.grammar import GROUP_NAME
from workbench.plan.select import BUILT_IN_GROUPS


def problem_of(name: str) -> str:
    """What is wrong with a name, "" for nothing."""
    if name in BUILT_IN_GROUPS:
        return f"'{name}' is a built-in group: another name"
    if not re.fullmatch(GROUP_NAME, name):
        return f"'{name}' is no name of a group: letters, digits, - _ . after a letter"
    return ""


class NameLine(SaidLine):
    """Hidden until `n` is pressed."""

    class Named(Message):
        """The selection is to be a group of that name."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class Left(Message):
        """The line was left without a name."""

    def __init__(self) -> None:
        super().__init__("name")
        self._what = ""

    def open(self, what: str) -> None:
        """`what` is the selection as a selector."""
        self._what = what
        self.show("", "name of the group, such as late-mlp")
        self.typed("")

    def typed(self, text: str) -> None:
        name = text.strip()
        self.say(problem_of(name) if name and problem_of(name) else f"@{name or 'NAME'} will be: {self._what}")

    def entered(self, text: str) -> None:
        if not problem_of(text.strip()):
            self.post_message(self.Named(text.strip()))

    def left(self) -> None:
        self.post_message(self.Left())
