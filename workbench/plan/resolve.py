"""Turns rules into the settings of every site: later rules win, key by key."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeVar, cast

from workbench.plan.catalogue import CATALOGUE, NONE, Problem
from workbench.plan.choice import Choice, PlacedRule, choose
from workbench.plan.findings import Finding, Path, SiteFinding, by_sites
from workbench.plan.formats import FORMATS
from workbench.plan.keys import ADAPTER_KEYS, BASE_KEYS, KEYS, Multiple, Value, ValueProblem, check_value, format_value
from workbench.plan.plan import PlannedSite
from workbench.plan.rule import Assignment
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
_Settings = tuple[BaseSettings, AdapterSettings | None]
_Made = TypeVar("_Made")


@dataclass(slots=True, eq=False)
class _State:
    """The sites that the same rules select, while these are applied: they start alike, so they end alike.

    `sources` keeps, for each key, the rules that its value comes from; `acted` are those that did anything.
    """

    values: dict[str, Value]
    sources: dict[str, list[int]]
    adapted: bool = False
    acted: set[int] = field(default_factory=set)
    errors: list[Finding] = field(default_factory=list)

    def place(self, key: str) -> int:
        """The last rule that the key's value comes from; below -1 where nobody wrote it."""
        return max(self.sources.get(key, [_GIVEN - 1]))


@dataclass(frozen=True, slots=True)
class Resolution:
    """The settings of every site, with what is wrong and what is worth a warning. The rest is for the next one."""

    sites: tuple[PlannedSite, ...]
    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    given: tuple[tuple[str, type, Value], ...] = field(compare=False, repr=False)
    choice: Choice = field(compare=False, repr=False)
    states: Mapping[int, _State] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class _Kind:
    """Sites of one shape that the same rules select: what is found at one of them is found at all."""

    state: _State
    planned: Sequence[PlannedSite]
    places: Collection[int]

    @property
    def one(self) -> PlannedSite:
        return self.planned[next(iter(self.places))]


def resolve(
    sites: Sequence[Site],
    given: Mapping[str, Value],
    rules: Sequence[PlacedRule],
    before: Resolution | None = None,
) -> Resolution:
    """Applies the rules in order to sites that start from `given` over DEFAULTS, none of them adapted.

    With the resolution `before` an edit, only the sites that it touches are gone through, and a site that is set as it
    was is the same object. The answer is the same without it.
    """
    typed = tuple((key, type(value), value) for key, value in given.items())
    last = before if before and before.given == typed else None
    choice = choose(sites, rules, last.choice if last else None)
    states = {bits: _state(given, choice, bits, last) for bits in dict.fromkeys(key[0] for key in choice.kinds)}
    planned = tuple(_planned(choice, states, before))
    kinds = [_Kind(states[key[0]], planned, places) for key, places in choice.kinds.items()]
    wrong = by_sites((*_told(kinds, lambda state, _: iter(state.errors)), *_told(kinds, _unfit)))
    warnings = (*_idle(rules, states.values()), *by_sites(_told(kinds, _useless)), *_uneven(kinds))
    return Resolution(planned, wrong, warnings, typed, choice, states)


def _state(given: Mapping[str, Value], choice: Choice, bits: int, last: Resolution | None) -> _State:
    """What comes of the rules of these bits: what came of them before, where they are the same."""
    if last and not bits >> choice.common and bits in last.states:
        return last.states[bits]
    state = _State({**DEFAULTS, **given}, {key: [_GIVEN] for key in given})
    state.acted.update(placed.index for placed in choice.rules_of(bits) if _apply(state, placed))
    state.errors.extend(_misplaced(state))
    return state


def _planned(choice: Choice, states: Mapping[int, _State], before: Resolution | None) -> list[PlannedSite]:
    """The sites with their settings; those that are set as before stay the same objects."""
    old = before.sites if before and before.choice.sites is choice.sites else ()
    settings = {bits: _settings(states[bits]) for bits in {choice.taken[place] for place in choice.changed}}
    planned: list[PlannedSite] = list(old)
    for place in choice.changed:
        site, (base, adapter) = choice.sites[place], settings[choice.taken[place]]
        if not old:
            planned.append(PlannedSite(site, base, adapter))
        elif old[place].base is not base or old[place].adapter is not adapter:
            planned[place] = PlannedSite(site, base, adapter)
    return planned


def _told(kinds: Sequence[_Kind], find: Callable[[_State, PlannedSite], Iterator[Finding]]) -> Iterator[SiteFinding]:
    """What is found at each site, in their order: the same at all of a kind."""
    told = [
        (place, kind.planned[place], found)
        for kind in kinds
        for found in find(kind.state, kind.one)
        for place in kind.places
    ]
    for _, planned, found in sorted(told, key=itemgetter(0)):
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


def _settings(state: _State) -> _Settings:
    values = state.values
    base_format = FORMATS[str(values["base"])]
    kept = {key: cast(float, values[key]) for key in base_format.parameters if key in values}
    base = _shared(base_format.settings, **kept)
    method = str(values["method"])
    return base, _adapter(method, values) if state.adapted and method != NONE else None


def _adapter(method: str, values: Mapping[str, Value]) -> AdapterSettings:
    r, alpha = cast(int, values["r"]), values["alpha"]
    takes = CATALOGUE[method].parameters
    adapter: AdapterSettings = _shared(
        AdapterSettings,
        method=method,
        r=r,
        alpha=alpha.factor * r if isinstance(alpha, Multiple) else float(cast(float, alpha)),
        dropout=cast(float, values["dropout"]),
        init=str(values["init"]),
        balance=cast(int, values["balance"]) if "balance" in takes else 1,
        pool=cast(int, values["pool"]) if "pool" in takes else 1,
    )
    return adapter


@lru_cache(maxsize=4096, typed=True)  # typed: 8 and 8.0 are written otherwise
def _shared(make: Callable[..., _Made], **values: Any) -> _Made:
    """Settings of the same values are one object, by which sites that stayed as they were are told."""
    return make(**values)


def _misplaced(state: _State) -> Iterator[Finding]:
    """Keys that the method or base format does not take, where set for it.

    A key set before the method (or format) was chosen belonged to the earlier one, and is passed over.
    """
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


def _idle(rules: Sequence[PlacedRule], states: Collection[_State]) -> Iterator[Finding]:
    """Rules that change nothing in the end."""
    acted = {index for state in states for index in state.acted}
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


def _uneven(kinds: Sequence[_Kind]) -> Iterator[Finding]:
    counts: Counter[float] = Counter()
    for kind in kinds:
        if (scaling := kind.one.scaling) is not None:
            counts[scaling] += len(kind.places)
    if len(counts) > 1:
        spread = ", ".join(f"{scaling:g} ({count} sites)" for scaling, count in sorted(counts.items()))
        yield Finding(
            ("rules",),
            f"adapted sites differ in scaling: {spread}",
            "write alpha as a multiple of the rank (alpha=2r), else a change of rank also changes the step size",
        )
