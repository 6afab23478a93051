"""Which sites every key of an adapter specification really hits, and what it misses."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from workbench.plan.arrive_match import (
    ALL_LINEAR,
    fits_targets,
    fitting,
    is_saved,
    layer_of,
    names_entry,
    targeted,
)
from workbench.plan.arrive_spec import AdapterSpec
from workbench.plan.compact import compact
from workbench.plan.model_map import ModelMap
from workbench.plan.site import Site

State = Literal["hits", "partly shadowed", "shadowed", "not adapted", "no site", "hits nothing"]
_CONTAINER = "not a linear layer: peft refuses a file that names it"


@dataclass(frozen=True, slots=True)
class KeyHits:
    """One entry or pattern of a key. `decides` are the adapted sites that it has the say about.

    `matches` are all sites whose names it fits, adapted or not; `others` modules that are no sites; `shadowed_by`
    the earlier patterns that win on sites it fits, with how many.
    """

    key: str
    entry: str
    value: str
    decides: tuple[Site, ...]
    matches: tuple[Site, ...]
    others: tuple[str, ...] = ()
    shadowed_by: tuple[tuple[str, int], ...] = ()

    @property
    def state(self) -> State:
        if self.decides:
            return "partly shadowed" if self.shadowed_by else "hits"
        if self.shadowed_by:
            return "shadowed"
        if self.matches:
            return "not adapted"
        return "no site" if self.others else "hits nothing"

    def to_json(self, model_map: ModelMap) -> dict[str, Any]:
        return {
            "key": self.key,
            "entry": self.entry,
            "value": self.value or None,
            "state": self.state,
            "sites": len(self.decides),
            "selectors": list(compact(self.decides, model_map)),
            "matches": len(self.matches),
            "others": list(self.others),
            "shadowed_by": [{"pattern": pattern, "sites": count} for pattern, count in self.shadowed_by],
        }


def other_modules(model_map: ModelMap) -> dict[str, str]:
    """Modules that a pattern can match and that are no sites, with the reason: norms, embeddings, head, containers."""
    found: dict[str, str] = {}
    for skipped in model_map.skipped:
        for block in range(model_map.blocks if "*" in skipped.name else 1):
            found[skipped.name.replace("*", str(block), 1)] = skipped.reason
    for site in model_map.sites:
        parts = site.name.split(".")
        for count in range(1, len(parts)):
            found.setdefault(".".join(parts[:count]), _CONTAINER)
    return found


def adapted_sites(spec: AdapterSpec, model_map: ModelMap) -> tuple[Site, ...]:
    """The sites on which peft would put an adapter, in the order of the map."""
    names = targeted(spec, [site.name for site in model_map.sites], list(other_modules(model_map)))
    return tuple(site for site in model_map.sites if site.name in set(names))


def key_hits(spec: AdapterSpec, keys: Mapping[str, str], model_map: ModelMap) -> tuple[KeyHits, ...]:
    """The hits of every entry and pattern, key by key; `keys` are the file's own names of the keys."""
    others = tuple(other_modules(model_map))
    adapted = adapted_sites(spec, model_map)
    return (
        *_targets(spec, keys["targets"], model_map, adapted, others),
        *_kept_off(spec, keys, model_map, others),
        *_layers(spec, keys["layers"], model_map, adapted),
        *_patterns(spec.ranks, keys["ranks"], model_map, adapted),
        *_patterns(spec.alphas, keys["alphas"], model_map, adapted),
    )


def _hits(
    key: str,
    entry: str,
    fits: Callable[[str], bool],
    model_map: ModelMap,
    adapted: tuple[Site, ...],
    others: tuple[str, ...] = (),
) -> KeyHits:
    return KeyHits(
        key,
        entry,
        "",
        tuple(site for site in adapted if fits(site.name)),
        tuple(site for site in model_map.sites if fits(site.name)),
        tuple(name for name in others if fits(name)),
    )


def _targets(
    spec: AdapterSpec, key: str, model_map: ModelMap, adapted: tuple[Site, ...], others: tuple[str, ...]
) -> Iterator[KeyHits]:
    if isinstance(spec.targets, str):
        every = spec.targets.lower() == ALL_LINEAR
        fits = _always if every else partial(fits_targets, spec.targets)
        yield _hits(key, spec.targets, fits, model_map, adapted, () if every else others)
        return
    for entry in spec.targets or ():
        yield _hits(key, entry, partial(names_entry, entry), model_map, adapted, others)


def _always(name: str) -> bool:
    return True


def _kept_off(
    spec: AdapterSpec, keys: Mapping[str, str], model_map: ModelMap, others: tuple[str, ...]
) -> Iterator[KeyHits]:
    """What `exclude_modules` and `modules_to_save` fit; they have their say about every site that they fit."""
    entries = (spec.exclude,) if isinstance(spec.exclude, str) else spec.exclude
    fits = fits_targets if isinstance(spec.exclude, str) else names_entry
    for entry in entries:
        yield _hits(keys["exclude"], entry, partial(fits, entry), model_map, model_map.sites)
    for entry in spec.saved:
        yield _hits(keys["saved"], entry, partial(is_saved, entry), model_map, model_map.sites, others)


def _layers(spec: AdapterSpec, key: str, model_map: ModelMap, adapted: tuple[Site, ...]) -> Iterator[KeyHits]:
    for layer in spec.layers or ():
        yield _hits(key, str(layer), partial(_in_layer, spec, layer), model_map, adapted)


def _in_layer(spec: AdapterSpec, layer: int, name: str) -> bool:
    return layer_of(spec, name) == layer


def _patterns(
    patterns: tuple[tuple[str, int | float], ...], key: str, model_map: ModelMap, adapted: tuple[Site, ...]
) -> Iterator[KeyHits]:
    fits = fitting(tuple(pattern for pattern, _ in patterns), tuple(site.name for site in model_map.sites))
    matches: dict[str, list[Site]] = {pattern: [] for pattern, _ in patterns}
    taken = set(adapted)
    for site in model_map.sites:
        for pattern in fits[site.name]:
            matches[pattern].append(site)
    for pattern, value in patterns:
        among = [site for site in matches[pattern] if site in taken]
        winners = Counter(fits[site.name][0] for site in among)
        yield KeyHits(
            key,
            pattern,
            f"{value:g}",
            tuple(site for site in among if fits[site.name][0] == pattern),
            tuple(matches[pattern]),
            shadowed_by=tuple((text, count) for text, count in winners.items() if text != pattern),
        )


def order_matters(spec: AdapterSpec, model_map: ModelMap) -> Iterator[tuple[str, tuple[Site, ...]]]:
    """Which of `ranks` and `alphas` would give other values if its patterns stood in another order, and where.

    peft sorts all keys when it saves a configuration, so a file with such patterns may not say what was trained.
    """
    adapted = adapted_sites(spec, model_map)
    for name, patterns in (("ranks", spec.ranks), ("alphas", spec.alphas)):
        values = dict(patterns)
        fits = fitting(tuple(values), tuple(site.name for site in model_map.sites))
        changed = tuple(site for site in adapted if len({values[pattern] for pattern in fits[site.name]}) > 1)
        if changed:
            yield name, changed


def rank_and_alpha(spec: AdapterSpec, model_map: ModelMap) -> dict[Site, tuple[int, float]]:
    """What peft would give every site that it adapts."""
    names = tuple(site.name for site in model_map.sites)
    ranks, alphas = dict(spec.ranks), dict(spec.alphas)
    by_rank, by_alpha = fitting(tuple(ranks), names), fitting(tuple(alphas), names)
    return {
        site: (
            ranks[by_rank[site.name][0]] if by_rank[site.name] else spec.r,
            alphas[by_alpha[site.name][0]] if by_alpha[site.name] else spec.alpha,
        )
        for site in adapted_sites(spec, model_map)
    }
