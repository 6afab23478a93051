"""Few rules of the selector grammar for settings that are given site by site."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from workbench.plan.choice import PlacedRule
from workbench.plan.compact import compact
from workbench.plan.grammar import parse_rule
from workbench.plan.keys import Multiple, Value, format_value
from workbench.plan.model_map import ModelMap
from workbench.plan.resolve import resolve
from workbench.plan.select import select
from workbench.plan.site import Site

Numbers = Mapping[Site, tuple[int, float]]  # rank and alpha of every adapted site
_MOST_QUARTERS = 64  # multiples of the rank are written as such up to 16r


@dataclass(frozen=True, slots=True)
class Written:
    """Rank and alpha for `defaults`, and rules; together they give each site what it had."""

    r: int
    alpha: Value
    rules: tuple[str, ...]

    @property
    def size(self) -> tuple[int, int]:
        return _size(self.rules)


def _size(texts: Sequence[str]) -> tuple[int, int]:
    """How much there is to read: lines first, then characters."""
    return len(texts), sum(map(len, texts))


def write_rules(numbers: Numbers, preferred: tuple[int, float], model_map: ModelMap) -> Written:
    """The shortest of several ways to write rank and alpha of all adapted sites, at least one of them.

    Alpha is written as a multiple of the rank where that is one number for all sites and comes out exactly.
    `preferred` rank and alpha become the defaults unless others save rules.
    """
    factor = _common_factor(numbers)
    counts = Counter(numbers.values())
    starts = dict.fromkeys(([preferred] if preferred in counts else []) + [key for key, _ in counts.most_common(2)])
    ways = []
    for r, alpha in starts:
        default = Multiple(factor) if factor else alpha
        for rules in (_jointly(numbers, (r, alpha), factor, model_map), _apart(numbers, (r, alpha), factor, model_map)):
            ways.append(_without_idle(Written(r, default, rules), model_map))
    return min(ways, key=lambda way: way.size)  # the first of equals, so the preferred one


def _without_idle(written: Written, model_map: ModelMap) -> Written:
    """Leaves out rules that later ones override altogether."""
    rules = [parse_rule(text) for text in written.rules]
    placed = [PlacedRule(index, rule, select(rule, model_map, {})) for index, rule in enumerate(rules)]
    warnings = resolve(model_map.sites, {"r": written.r, "alpha": written.alpha}, placed).warnings
    idle = {finding.path[1] for finding in warnings if len(finding.path) > 1}
    return replace(written, rules=tuple(rule for index, rule in enumerate(written.rules) if index not in idle))


def _common_factor(numbers: Numbers) -> float | None:
    r, alpha = next(iter(numbers.values()))
    factor = alpha / r
    exact = all(alpha == factor * r for r, alpha in numbers.values())
    return factor if exact and 4 * factor in range(1, _MOST_QUARTERS + 1) else None


def _jointly(numbers: Numbers, start: tuple[int, float], factor: float | None, model_map: ModelMap) -> tuple[str, ...]:
    """One layer of rules: each group of sites with equal numbers in turn, larger ones below smaller ones."""
    groups: dict[tuple[int, float], list[Site]] = {}
    for site, pair in numbers.items():
        groups.setdefault((pair[0], 0.0) if factor else pair, []).append(site)
    first = (start[0], 0.0) if factor else start
    order = sorted(groups, key=lambda pair: (pair != first, -len(groups[pair])))
    painter = _Painter({"r": start[0], **({} if factor else {"alpha": start[1]})}, model_map)
    for index, pair in enumerate(order):
        later = [site for other in order[index + 1 :] for site in groups[other]]
        wanted = {"r": pair[0], **({} if factor else {"alpha": pair[1]})}
        painter.paint(groups[pair], later, wanted)
    return tuple(painter.rules)


def _apart(numbers: Numbers, start: tuple[int, float], factor: float | None, model_map: ModelMap) -> tuple[str, ...]:
    """Rules for what is adapted, then rules for ranks, then rules for alphas."""
    rules = [*compact(numbers, model_map)]
    rules += _layer(numbers, lambda pair: pair[0], "r", start[0], model_map)
    if not factor:
        rules += _layer(numbers, lambda pair: pair[1], "alpha", start[1], model_map)
    return tuple(rules)


def _layer(
    numbers: Numbers, part: Callable[[tuple[int, float]], float], key: str, default: float, model_map: ModelMap
) -> Iterable[str]:
    counts = Counter(part(pair) for pair in numbers.values() if part(pair) != default)
    for value, _ in counts.most_common():
        for selector in compact([site for site, pair in numbers.items() if part(pair) == value], model_map):
            yield f"{selector} {key}={format_value(value)}"


class _Painter:
    """Writes rules one over the other, and knows what every site has so far."""

    def __init__(self, defaults: Mapping[str, float], model_map: ModelMap) -> None:
        self._defaults, self._map = dict(defaults), model_map
        self._now: dict[Site, dict[str, float]] = {}
        self.rules: list[str] = []

    def paint(self, own: Collection[Site], later: Collection[Site], wanted: Mapping[str, float]) -> None:
        """Gives `own` sites the wanted values; `later` ones may be painted too where that needs fewer rules."""
        narrow, wide = compact(own, self._map), compact([*own, *later], self._map)
        sites, selectors = (own, narrow) if _size(narrow) <= _size(wide) else ([*own, *later], wide)
        keys = [
            key
            for key, value in wanted.items()
            if any(self._now.get(site, self._defaults)[key] != value for site in own)
        ]
        tail = "".join(f" {key}={format_value(wanted[key])}" for key in keys)
        self.rules += [f"{selector}{tail}" for selector in selectors]
        for site in sites:
            self._now[site] = {**self._now.get(site, self._defaults), **{key: wanted[key] for key in keys}}
