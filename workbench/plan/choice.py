"""Which rules select which sites, kept from one resolution to the next: an edit changes a rule, and few sites."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from workbench.plan.rule import Rule
from workbench.plan.site import Site

# The rules that select a site, each a bit at its number, and the site's in_features and out_features.
KindKey = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class PlacedRule:
    """A rule, its index in the plan file, and the sites that it selects."""

    index: int
    rule: Rule
    sites: tuple[Site, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """`taken` says of each site which rules select it: the bit of each rule's number is set.

    `kinds` has the places of the sites of one shape that the same rules select. Of a choice made from one before, the
    first `common` rules are the same, and only the `changed` places were looked at. Not to be changed.
    """

    sites: Sequence[Site]
    rules: Sequence[PlacedRule]
    places: Mapping[str, int]
    taken: Sequence[int]
    kinds: Mapping[KindKey, set[int]]
    common: int
    changed: Iterable[int]

    def rules_of(self, bits: int) -> list[PlacedRule]:
        """Those whose bits are set: a few, even where there are many rules."""
        chosen = []
        while bits:
            chosen.append(self.rules[(bits & -bits).bit_length() - 1])
            bits &= bits - 1
        return chosen


def choose(sites: Sequence[Site], rules: Sequence[PlacedRule], before: Choice | None = None) -> Choice:
    """`before` is used where it is of the very same sites."""
    start = before if before and before.sites is sites else _nothing_chosen(sites)
    places, common = start.places, _common(rules, start.rules)
    edited = (*start.rules[common:], *rules[common:])
    touched = sorted({places[site.name] for placed in edited for site in placed.sites})
    changed = touched if start is before else range(len(sites))
    taken = list(start.taken)
    for place in changed:
        taken[place] &= (1 << common) - 1
    for number, placed in enumerate(rules[common:], common):
        for site in placed.sites:
            taken[places[site.name]] |= 1 << number
    return Choice(sites, rules, places, taken, _kinds(start, taken, changed), common, changed)


def _nothing_chosen(sites: Sequence[Site]) -> Choice:
    places = {site.name: place for place, site in enumerate(sites)}
    return Choice(sites, (), places, [0] * len(sites), {}, 0, ())


def _common(rules: Sequence[PlacedRule], others: Sequence[PlacedRule]) -> int:
    """How many rules at the start are the same: what was read before is the same object, and is not compared."""
    common = 0
    for a, b in zip(rules, others, strict=False):
        if a.index != b.index or a.rule is not b.rule or a.sites is not b.sites:
            break
        common += 1
    return common


def _kinds(before: Choice, taken: Sequence[int], changed: Iterable[int]) -> dict[KindKey, set[int]]:
    kinds = dict(before.kinds)
    own: dict[KindKey, set[int]] = {}

    def places(bits: int, site: Site) -> set[int]:
        """Of that kind, in a set that is not the one from before."""
        key = (bits, site.in_features, site.out_features)
        if key not in own:
            own[key] = kinds[key] = set(kinds.get(key, ()))
        return own[key]

    for place in changed:
        site = before.sites[place]
        places(before.taken[place], site).discard(place)
        places(taken[place], site).add(place)
    return {key: found for key, found in kinds.items() if found}
