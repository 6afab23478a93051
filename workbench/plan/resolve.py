"""Turns rules into the settings of every site: later rules win, key by key."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from workbench.plan.catalogue import CATALOGUE, NONE, Problem
from workbench.plan.findings import Finding, Path, SiteFinding, by_sites
from workbench.plan.formats import FORMATS
from workbench.plan.keys import ADAPTER_KEYS, BASE_KEYS, KEYS, Multiple, Value, ValueProblem, check_value, format_value
from workbench.plan.plan import PlannedSite
from workbench.plan.rule import Assignment, Rule
from workbench.plan.settings import AdapterSettings, BaseSettings
from workbench.plan.site import Site

DEFAULTS: dict[str, Value] = {
    "method": "lora",
    "r": 16,
    "alpha": Multiple(2.0),
    "dropout": 0.0,
    "init": "default",
    "balance": 2,
    "pool": 64,
    "base": "nf4",
}
_GIVEN = -1  # the place of a value from `defaults` or `base`, before all rules
_ON = "on"  # the switch between adapted and not, kept among the keys
_NEARLY = 1e-9


@dataclass(frozen=True, slots=True)
class PlacedRule:
    """A rule, its index in the plan file, and the sites that it selects."""

    index: int
    rule: Rule
    sites: tuple[Site, ...]


@dataclass(frozen=True, slots=True)
class Resolution:
    """The settings of every site, with what is wrong and what is worth a warning."""

    sites: tuple[PlannedSite, ...]
    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


@dataclass(slots=True, eq=False)
class _State:
    """The sites that the same rules select, while these are applied: they start alike, so they end alike.

    `sources` keeps, for each key, the rules that its value comes from.
    """

    values: dict[str, Value]
    sources: dict[str, list[int]]
    adapted: bool = False
    errors: list[Finding] = field(default_factory=list)

    def place(self, key: str) -> int:
        """The last rule that the key's value comes from; below -1 where nobody wrote it."""
        return max(self.sources.get(key, [_GIVEN - 1]))


def resolve(sites: Sequence[Site], given: Mapping[str, Value], rules: Sequence[PlacedRule]) -> Resolution:
    """Applies the rules in order to sites that start from `given` over DEFAULTS, none of them adapted."""
    acted: set[int] = set()
    taken = _taken(sites, rules)
    states = {numbers: _state(given, [rules[number] for number in numbers], acted) for numbers in dict.fromkeys(taken)}
    settings = {numbers: _settings(state) for numbers, state in states.items()}
    planned = tuple(PlannedSite(site, *settings[numbers]) for site, numbers in zip(sites, taken, strict=True))
    pairs = [(site, states[numbers]) for site, numbers in zip(planned, taken, strict=True)]
    wrong = by_sites((*_told(pairs, _wrong), *_told(pairs, _unfit)))
    warnings = (*_idle(rules, acted, states.values()), *by_sites(_told(pairs, _useless)), *_uneven(planned))
    return Resolution(planned, wrong, warnings)


def _taken(sites: Sequence[Site], rules: Sequence[PlacedRule]) -> list[tuple[int, ...]]:
    """For each site, which of the rules select it."""
    taken: dict[str, list[int]] = {site.name: [] for site in sites}
    for number, placed in enumerate(rules):
        for site in placed.sites:
            taken[site.name].append(number)
    return [tuple(numbers) for numbers in taken.values()]


def _state(given: Mapping[str, Value], rules: Sequence[PlacedRule], acted: set[int]) -> _State:
    """What comes of these rules; those that did anything are added to `acted`."""
    state = _State({**DEFAULTS, **given}, {key: [_GIVEN] for key in given})
    acted.update(placed.index for placed in rules if _apply(state, placed))
    return state


def _told(
    pairs: Sequence[tuple[PlannedSite, _State]], find: Callable[[_State, PlannedSite], Iterator[Finding]]
) -> Iterator[SiteFinding]:
    """What is found at each site. Where state and shape are the same, so is that."""
    known: dict[tuple[int, int, int], tuple[Finding, ...]] = {}
    for planned, state in pairs:
        key = (id(state), planned.site.in_features, planned.site.out_features)
        if key not in known:
            known[key] = tuple(find(state, planned))
        for found in known[key]:
            yield SiteFinding(found.path, planned.site.name, found.message, found.hint)


def _apply(state: _State, placed: PlacedRule) -> bool:
    """Applies one rule; whether that did anything."""
    acted = False
    if placed.rule.turns_off or placed.rule.adapts:
        state.adapted = placed.rule.adapts
        state.sources[_ON] = [placed.index]
        acted = True
    for assignment in placed.rule.assignments:
        if assignment.operator == "=":
            if (assignment.key, assignment.value) != ("method", NONE):
                state.values[assignment.key] = assignment.value
                state.sources[assignment.key] = [placed.index]
            acted = True
        elif state.adapted:
            _scale(state, placed.index, assignment)
            acted = True
    return acted


def _scale(state: _State, index: int, assignment: Assignment) -> None:
    old = state.values[assignment.key]
    new = _scaled(old, assignment)
    state.sources.setdefault(assignment.key, []).append(index)
    try:
        state.values[assignment.key] = check_value(KEYS[assignment.key], new)
    except ValueProblem as problem:
        message = f"{assignment} turns {assignment.key} {format_value(old)} into {format_value(new)}"
        state.errors.append(Finding(("rules", index), message, problem.hint))


def _scaled(old: Value, assignment: Assignment) -> Value:
    factor = cast(float, assignment.value)  # the grammar reads nothing else after *= and /=
    number = old.factor if isinstance(old, Multiple) else cast(float, old)
    new = number / factor if assignment.operator == "/=" else number * factor
    if KEYS[assignment.key].whole and abs(new - round(new)) < _NEARLY:
        new = round(new)  # 10 × 1.1 is 11.000000000000002 in floating point
    return Multiple(new) if isinstance(old, Multiple) else new


def _settings(state: _State) -> tuple[BaseSettings, AdapterSettings | None]:
    values = state.values
    base_format = FORMATS[str(values["base"])]
    base = base_format.settings(**{key: cast(float, values[key]) for key in base_format.parameters if key in values})
    method = str(values["method"])
    return base, _adapter(method, values) if state.adapted and method != NONE else None


def _adapter(method: str, values: Mapping[str, Value]) -> AdapterSettings:
    r, alpha = cast(int, values["r"]), values["alpha"]
    takes = CATALOGUE[method].parameters
    return AdapterSettings(
        method=method,
        r=r,
        alpha=alpha.factor * r if isinstance(alpha, Multiple) else float(cast(float, alpha)),
        dropout=cast(float, values["dropout"]),
        init=str(values["init"]),
        balance=cast(int, values["balance"]) if "balance" in takes else 1,
        pool=cast(int, values["pool"]) if "pool" in takes else 1,
    )


def _wrong(state: _State, planned: PlannedSite) -> Iterator[Finding]:
    """What rules must not come to, then keys that the method or base format does not take, where set for it.

    A key set before the method (or format) was chosen belonged to the earlier one, and is passed over.
    """
    yield from state.errors
    method, base = str(state.values["method"]), str(state.values["base"])
    owners = [("base", f"base format {base}", tuple(FORMATS[base].parameters), BASE_KEYS)]
    if state.adapted:
        owners.append(("method", f"method {method}", tuple(CATALOGUE[method].parameters), ADAPTER_KEYS))
    for owner, name, takes, keys in owners:
        for key in keys:
            if key not in (owner, *takes) and state.place(key) >= max(state.place(owner), _GIVEN):
                hint = f"{name} takes {', '.join(takes) or 'no further keys'}"
                yield Finding(_path(key, state.place(key)), f"{name} takes no {key}", hint)


def _unfit(state: _State, planned: PlannedSite) -> Iterator[Finding]:
    """What the base format and the method say against their settings at this site."""
    if wrong := FORMATS[planned.base.format].problem(planned.base, planned.site.in_features):
        # the block size is the format's own where nobody wrote one
        key = "blocksize" if "blocksize" in state.sources else "base"
        yield Finding(_path(key, state.place(key)), *wrong)
    if not (adapter := planned.adapter):
        return
    method = CATALOGUE[adapter.method]
    for problem in method.problems(adapter, planned.base, planned.site):
        yield _at(state, problem)
    if adapter.init not in method.inits:
        hint = f"it has {', '.join(method.inits)}"
        yield _at(state, Problem("init", f"method {adapter.method} has no init '{adapter.init}'", hint))


def _useless(state: _State, planned: PlannedSite) -> Iterator[Finding]:
    """What the method finds strange in its settings at this site."""
    if adapter := planned.adapter:
        for problem in CATALOGUE[adapter.method].warnings(adapter, planned.base, planned.site):
            yield _at(state, problem)


def _at(state: _State, problem: Problem) -> Finding:
    return Finding(_path(problem.key, state.place(problem.key)), problem.message, problem.hint)


def _path(key: str, place: int) -> Path:
    if place >= 0:
        return ("rules", place)
    return (key,) if key == "base" else ("defaults", key)


def _idle(rules: Sequence[PlacedRule], acted: set[int], states: Iterable[_State]) -> Iterator[Finding]:
    """Rules that change nothing in the end."""
    lasting = {place for state in states for place in _lasting(state)}
    for placed in rules:
        if placed.index not in acted:
            yield Finding(("rules", placed.index), "changes nothing: none of its sites is adapted before it")
        elif placed.index not in lasting:
            yield Finding(("rules", placed.index), "changes nothing: later rules override all of it")


def _lasting(state: _State) -> Iterator[int]:
    """The rules that the final settings come from."""
    for key, places in state.sources.items():
        if state.adapted or key == _ON or key in BASE_KEYS:
            yield from places


def _uneven(sites: Sequence[PlannedSite]) -> Iterator[Finding]:
    alike = Counter((planned.method, planned.adapter) for planned in sites if planned.adapter)
    counts: Counter[float] = Counter()
    for (method, adapter), count in alike.items():
        counts[CATALOGUE[method].scaling(adapter)] += count
    if len(counts) > 1:
        spread = ", ".join(f"{scaling:g} ({count} sites)" for scaling, count in sorted(counts.items()))
        yield Finding(
            ("rules",),
            f"adapted sites differ in scaling: {spread}",
            "write alpha as a multiple of the rank (alpha=2r), else a change of rank also changes the step size",
        )
