"""The line for rules: what the CLI and the plan file take; while it is typed the map shows what it would set."""

from dataclasses import dataclass

from textual.message import Message

from tui.widgets.said_line import SaidLine
from workbench.plan.plan import Plan
from workbench.plan.select import built_in_groups
from workbench.plan.selector import SelectorError, parse_rule, select
from workbench.plan.site import Site


@dataclass(frozen=True, slots=True)
class Read:
    """What a rule would do: the sites it sets, or what is wrong with it and at which column."""

    text: str
    sites: tuple[Site, ...] = ()
    error: str = ""
    hint: str = ""
    column: int = 0


def read_rule(text: str, plan: Plan) -> Read:
    """The rule against the plan's model and groups. An empty line sets nothing."""
    if not text.strip():
        return Read(text)
    groups = {name: tuple(plan.map.site(site) for site in sites) for name, sites in plan.groups}
    try:
        rule = parse_rule(text)
        return Read(text, select(rule, plan.map, {**built_in_groups(plan.map), **groups}))
    except SelectorError as error:
        return Read(text, error=error.title, hint=error.near or error.expected, column=error.column)


class RuleLine(SaidLine):
    """Hidden until `:` is pressed."""

    class Typed(Message):
        """A rule is being written."""

        def __init__(self, read: Read) -> None:
            super().__init__()
            self.read = read

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, RuleLine.Typed)

    class Entered(Message):
        """The rule is to be added to the plan."""

        def __init__(self, read: Read) -> None:
            super().__init__()
            self.read = read

    class Left(Message):
        """The line was left without a rule."""

    def __init__(self, plan: Plan) -> None:
        super().__init__("rule")
        self._plan = plan

    def open(self, plan: Plan, text: str = "") -> None:
        self._plan = plan
        self.show(text, "0-7,24- attn r=8")

    def typed(self, text: str) -> None:
        read = read_rule(text, self._plan)
        if read.error:
            self.say(f"{read.error}; {read.hint}".strip("; "), read.column)
        else:
            self.say(f"{len(read.sites)} sites" if read.text else "")
        self.post_message(self.Typed(read))

    def entered(self, text: str) -> None:
        read = read_rule(text, self._plan)
        if read.sites:
            self.post_message(self.Entered(read))

    def left(self) -> None:
        self.post_message(self.Left())
