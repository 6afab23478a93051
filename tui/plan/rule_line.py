"""The line for rules: what the CLI and the plan file take; while it is typed the map shows what it would set."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from textual.message import Message
from textual.widgets import Input

from tui.plan.brush import parsed_assignments
from tui.plan.rule_words import RuleSuggester
from tui.widgets.said_line import SaidLine
from workbench.plan.compact import compact
from workbench.plan.plan import Plan
from workbench.plan.select import built_in_groups
from workbench.plan.selector import SelectorError, parse_rule, select
from workbench.plan.site import Site

_SETS_ONLY = re.compile(r"\s*(off\b|[A-Za-z_]+\s*[*/]?=)")
_LEAD = "* all "


@dataclass(frozen=True, slots=True)
class Read:
    """What a line would do: the rules it means and the sites they set, or what is wrong with it and at which column."""

    text: str
    rules: tuple[str, ...] = ()
    sites: tuple[Site, ...] = ()
    error: str = ""
    hint: str = ""
    column: int = 0


def read_rule(text: str, plan: Plan, chosen: Sequence[Site] = ()) -> Read:
    """A rule against the plan's model and groups; assignments alone are for the chosen sites. Empty is nothing."""
    if not text.strip():
        return Read(text)
    if chosen and _SETS_ONLY.match(text):
        return _of_selection(text, plan, chosen)
    groups = {name: tuple(plan.map.site(site) for site in sites) for name, sites in plan.groups}
    try:
        rule = parse_rule(text)
        return Read(text, (text.strip(),), select(rule, plan.map, {**built_in_groups(plan.map), **groups}))
    except SelectorError as error:
        return Read(text, error=error.title, hint=error.near or error.expected, column=error.column)


def _of_selection(text: str, plan: Plan, chosen: Sequence[Site]) -> Read:
    try:
        parsed_assignments(text)
    except SelectorError as error:
        column = max(1, error.column - len(_LEAD))
        return Read(text, error=error.title, hint=error.near or error.expected, column=column)
    rules = tuple(f"{selector} {text.strip()}" for selector in compact(chosen, plan.map))
    return Read(text, rules, tuple(chosen))


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
        """The rules are to be added to the plan."""

        def __init__(self, read: Read) -> None:
            super().__init__()
            self.read = read

    class Left(Message):
        """The line was left without a rule."""

    def __init__(self, plan: Plan) -> None:
        super().__init__("rule")
        self._plan = plan
        self._chosen: Sequence[Site] = ()

    def open(self, plan: Plan, chosen: Sequence[Site], text: str = "") -> None:
        """`chosen` are the sites that assignments without a selector are for."""
        self._plan, self._chosen = plan, chosen
        self.show(text, "0-7,24- attn r=8   or r=8 for the selection; tab completes")
        self.query_one(Input).suggester = RuleSuggester(plan)

    def typed(self, text: str) -> None:
        read = read_rule(text, self._plan, self._chosen)
        if read.error:
            self.say(f"{read.error}; {read.hint}".strip("; "), read.column)
        else:
            self.say(_said(read))
        self.post_message(self.Typed(read))

    def entered(self, text: str) -> None:
        read = read_rule(text, self._plan, self._chosen)
        if read.sites:
            self.post_message(self.Entered(read))

    def left(self) -> None:
        self.post_message(self.Left())


def _said(read: Read) -> str:
    if not read.sites:
        return ""
    count = "1 site" if len(read.sites) == 1 else f"{len(read.sites)} sites"
    return f"{count}, shown as ( ) on the map" if read.rules == (read.text.strip(),) else f"{count}: the selection"
