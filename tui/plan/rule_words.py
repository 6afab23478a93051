"""What the word at the end of a rule may become: blocks, groups, modules, keys, and the values of keys."""

from collections.abc import Iterable

from textual.suggester import Suggester

from workbench.plan.grammar import BLOCK_WORDS, TYPE_WORDS
from workbench.plan.keys import KEYS
from workbench.plan.plan import Plan
from workbench.plan.select import BUILT_IN_GROUPS

REACH = 500  # characters of a rule that are looked at


def completed(text: str, plan: Plan) -> str | None:
    """The text with its last word made whole; None where nothing fits, or it is whole already."""
    if not text or len(text) > REACH or text[-1].isspace():
        return None
    before, _, word = text.rpartition(" ")
    term = word.rpartition(",")[2] if "=" not in word else word
    for candidate in _candidates(len(before.split()), before, term, plan):
        if term and candidate.startswith(term) and candidate != term:
            return text + candidate[len(term) :]
    return None


def _candidates(place: int, before: str, term: str, plan: Plan) -> Iterable[str]:
    """The likeliest first. `place` counts the words before this one."""
    groups = [f"@{name}" for name in (*(name for name, _ in plan.groups), *BUILT_IN_GROUPS)]
    if place == 0:
        yield from (*BLOCK_WORDS, *groups)
    if place == 1:
        yield from (*TYPE_WORDS, *(module.short for module in plan.map.modules))
        yield from (module.name for module in plan.map.modules)
    key, equals, _ = term.partition("=")
    if equals and key in KEYS:
        yield from (f"{key}={word}" for word in KEYS[key].words)
    elif place > 0 or not before:
        yield from (f"{name}=" for name in KEYS)
        yield "off"


class RuleSuggester(Suggester):
    """Offers `completed` behind the cursor; tab or right takes it."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._plan = plan

    async def get_suggestion(self, value: str) -> str | None:
        return completed(value, self._plan)
