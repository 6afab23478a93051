"""Arms by budget: the number in a rule for which a plan comes closest to a given size."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import gcd

from workbench.errors import InvalidError
from workbench.plan.catalogue import CATALOGUE
from workbench.plan.compact import compact
from workbench.plan.plan import Plan, PlannedSite
from workbench.plan.settings import AdapterSettings
from workbench.study.arm_plans import ArmPlans, Rules
from workbench.study.design import BASELINE, SOLVED, Budget

SOLVABLE = ("r", "balance", "pool")


@dataclass(frozen=True, slots=True)
class Solution:
    """The rules that were found, and the trainable parameters wanted and got."""

    rules: Rules
    wanted: int
    got: int

    @property
    def deviation(self) -> float:
        """How far off the parameters are, as a share of those wanted."""
        return self.got / self.wanted - 1


def wanted_params(budget: Budget, baseline: Plan, plan_of: Callable[[str], Plan]) -> int:
    """The trainable parameters that a budget asks for; `plan_of` gives the plan of another arm."""
    if budget.kind == "discount":
        return round((1 - float(budget.value)) * baseline.trainable_params)
    if isinstance(budget.value, str):
        return (baseline if budget.value == BASELINE else plan_of(budget.value)).trainable_params
    return int(budget.value)


def solve(plans: ArmPlans, before: Rules, budget: Budget, wanted: int) -> Solution:
    """The rules for which the plan comes closest to `wanted` trainable parameters.

    The number is one for all sites of the rule; then the next one goes to as many blocks, evenly spread over depth, as
    bring the plan nearer. Raises RulesError where the rule makes no plan, InvalidError where the budget is out of reach
    (it names what can be had).
    """
    key = _solved_key(budget.rule)
    solved = _solved_sites(plans, before, budget.rule)
    fixed = plans.plan(budget.kind, (*before, _filled(budget.rule, 1))).trainable_params - _params(solved)

    def size(value: int) -> int:
        return fixed + _params(_with(solved, key, value))

    values = list(_candidates(solved, key))
    _check_reach(budget, key, wanted, values, size, plans.baseline.trainable_params)
    place = bisect_left(values, wanted, key=size)
    above = values[place]
    below = above if size(above) == wanted else values[place - 1]
    return _closest(plans, budget.rule, solved, key, (below, above), fixed, wanted)


def _solved_key(rule: str) -> str:
    hole = f"{{{SOLVED}}}"
    for key in SOLVABLE:
        if f" {key}={hole}" in rule:
            return key
    choices = ", ".join(f"{key}={hole}" for key in SOLVABLE)
    raise InvalidError(f"'{rule}': {hole} stands where nothing can be solved", f"write it as one of {choices}")


def _filled(rule: str, value: int) -> str:
    return rule.replace(f"{{{SOLVED}}}", str(value))


def _solved_sites(plans: ArmPlans, before: Rules, rule: str) -> list[PlannedSite]:
    """The adapted sites that the rule selects, as they are with the smallest number."""
    plan = plans.plan(rule, (*before, _filled(rule, 1)))
    selected = set(plans.selected(_filled(rule, 1)))
    return [planned for planned in plan.adapted if planned.site in selected]


def _params(sites: Sequence[PlannedSite]) -> int:
    return sum(planned.trainable_params for planned in sites)


def _with(sites: Sequence[PlannedSite], key: str, value: int) -> list[PlannedSite]:
    return [replace(planned, adapter=_settings(planned, key, value)) for planned in sites]


def _settings(planned: PlannedSite, key: str, value: int) -> AdapterSettings:
    assert planned.adapter is not None
    return replace(planned.adapter, **{key: value})  # type: ignore[arg-type]  # the key is one of SOLVABLE


def _candidates(sites: Sequence[PlannedSite], key: str) -> Iterator[int]:
    """The numbers that every site takes, those with fewer parameters first."""
    sides = [side for planned in sites for side in (planned.site.in_features, planned.site.out_features)]
    numbers = range(1, min(sides, default=0) + 1) if key == "r" else range(gcd(*sides), 0, -1)
    kinds = {(p.site.in_features, p.site.out_features, p.adapter, p.base): p for p in sites}
    return (number for number in numbers if all(_fits(planned, key, number) for planned in kinds.values()))


def _fits(planned: PlannedSite, key: str, value: int) -> bool:
    settings = _settings(planned, key, value)
    return not any(CATALOGUE[planned.method].problems(settings, planned.base, planned.site))


def _check_reach(
    budget: Budget, key: str, wanted: int, values: Sequence[int], size: Callable[[int], int], baseline: int
) -> None:
    if not values:
        raise InvalidError(f"'{budget.rule}' has no site where {key} could be changed", "select adapted sites")
    least, most = size(values[0]), size(values[-1])
    if least <= wanted <= most:
        return
    title = f"{budget.kind} {budget.value} means {wanted:,} trainable parameters, which '{budget.rule}' cannot reach"
    if least == most:
        raise InvalidError(f"{title}: whatever {key} is, the plan has {least:,}", "solve for another key")
    reach = f"with {key}={values[0]} the plan still has {least:,}" if wanted < least else f"it has {most:,} at most"
    nearest = f"{least:,} to {most:,} parameters"
    if budget.kind == "discount":
        nearest = f"a discount from {1 - most / baseline:.3g} to {1 - least / baseline:.3g}"
    raise InvalidError(f"{title}: {reach}", f"ask for {nearest}, or let the rule select other sites")


def _closest(
    plans: ArmPlans,
    rule: str,
    solved: Sequence[PlannedSite],
    key: str,
    numbers: tuple[int, int],
    fixed: int,
    wanted: int,
) -> Solution:
    """Gives the larger of two neighbouring numbers to so many blocks that the plan is nearest to what is wanted."""
    low, high = (_by_block(_with(solved, key, number)) for number in numbers)
    blocks = sorted(low)

    def size(raised: Sequence[int]) -> int:
        return fixed + sum((high if block in raised else low)[block] for block in blocks)

    choices = [_spread(blocks, count) for count in range(len(blocks) + 1)]
    best = min(choices, key=lambda raised: abs(size(raised) - wanted))
    rules = [_filled(rule, numbers[1] if len(best) == len(blocks) else numbers[0])]
    if 0 < len(best) < len(blocks):
        sites = [planned.site for planned in solved if planned.site.block in best]
        rules += [f"{selector} {key}={numbers[1]}" for selector in compact(sites, plans.baseline.map)]
    return Solution(tuple(rules), wanted, size(best))


def _by_block(sites: Sequence[PlannedSite]) -> dict[int, int]:
    sizes: dict[int, int] = {}
    for planned in sites:
        sizes[planned.site.block] = sizes.get(planned.site.block, 0) + planned.trainable_params
    return sizes


def _spread(blocks: Sequence[int], count: int) -> tuple[int, ...]:
    """So many of the blocks, at even distances, so that depth is not what differs."""
    return tuple(blocks[(2 * number + 1) * len(blocks) // (2 * count)] for number in range(count))
