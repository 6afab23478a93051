"""A plan while it is written: the text of its file, and what that comes to. Every edit is a rule, as the CLI has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import Problem
from workbench.plan.check import PlanCheck
from workbench.plan.document import read_values
from workbench.plan.edit import with_rules
from workbench.plan.files import check_text, plan_or_raise
from workbench.plan.fold import folded
from workbench.plan.plan import Plan
from workbench.plan.selector import parse_rule
from workbench.run.layout import Home


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan file's text and its check. `plan` is the last one that the text came to: what the map shows meanwhile."""

    path: Path
    text: str
    check: PlanCheck
    plan: Plan

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def errors(self) -> tuple[Problem, ...]:
        return self.check.errors

    @property
    def rules(self) -> tuple[str, ...]:
        return tuple(read_values(str(self.path), self.text).get("rules") or ())


def read_draft(text: str, path: Path, home: Home, before: Plan | None = None) -> Draft:
    """The draft of a text. Where it comes to no plan, `before` stays on the map; raises InvalidError without one."""
    check = check_text(text, path, home, before=before)
    if check.plan:
        return Draft(path, text, check, check.plan)
    if before is None:
        return Draft(path, text, check, plan_or_raise(check, str(path)))
    return Draft(path, text, check, before)


def with_rule(draft: Draft, rules: Sequence[str], home: Home) -> Draft:
    """The draft with rules added to its end. Raises SelectorError for a rule that cannot be read.

    A rule is folded into the last one where both come to one: `+` pressed three times is one rule.
    """
    parsed = [parse_rule(rule) for rule in rules]
    there = draft.rules
    one = folded(parse_rule(there[-1]), parsed[0]) if there and len(parsed) == 1 else None
    if one is not None and len(there) + len(one) > 1:  # a plan keeps a rule, whatever it says
        text = with_rules(draft.text, str(draft.path), one, kept=len(there) - 1)
    else:
        text = with_rules(draft.text, str(draft.path), rules)
    return read_draft(text, draft.path, home, draft.plan)


def with_text(draft: Draft, text: str, home: Home) -> Draft:
    """The draft with another text; what it came to before stays on the map where that comes to no plan."""
    return read_draft(text, draft.path, home, draft.plan)
