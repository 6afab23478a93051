"""The line for rules: what the CLI and the plan file take; while it is typed the map shows what it would set."""

from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

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


class RuleLine(Vertical):
    """Hidden until `:` is pressed."""

    DEFAULT_CSS = """
    RuleLine {
        height: 2; display: none;
        &.-open { display: block; }
        & Input { padding: 0 1; background: $panel; }
        & Static { height: 1; padding: 0 1; }
    }
    """

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
        super().__init__()
        self._plan = plan

    def compose(self) -> ComposeResult:
        yield Input(placeholder="0-7,24- attn r=8", id="rule", compact=True)
        yield Static("", id="rule-says", markup=False)

    def open(self, plan: Plan, text: str = "") -> None:
        self._plan = plan
        self.add_class("-open")
        line = self.query_one(Input)
        line.value = text
        line.focus()

    def close(self) -> None:
        self.remove_class("-open")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        read = read_rule(event.value, self._plan)
        said = (
            f"{read.error}; {read.hint}".strip("; ") if read.error else f"{len(read.sites)} sites" if read.text else ""
        )
        caret = f"{' ' * (read.column - 1)}^ " if read.error else ""
        self.query_one("#rule-says", Static).update(caret + said)
        self.post_message(self.Typed(read))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        read = read_rule(event.value, self._plan)
        if read.sites:
            self.post_message(self.Entered(read))

    def key_escape(self) -> None:
        self.close()
        self.post_message(self.Left())
