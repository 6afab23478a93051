"""What differs between two runs: their plans site by site, their recipes key by key, seed, model and data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.run.record import RunRecord, SiteRecord

_SITE_KEYS = ("method", "r", "alpha", "balance", "pool", "dropout", "init", "base", "blocksize", "double_quant")
_OF_RUNS = ("plan", "seed", "model_fingerprint", "data_hash", "recipe_name")


@dataclass(frozen=True, slots=True)
class RunDiff:
    """Keys with both values: of the runs, of their recipes; of sites, with the sites that change alike."""

    runs: Mapping[str, tuple[Any, Any]]
    recipe: Mapping[str, tuple[Any, Any]]
    sites: Mapping[str, tuple[str, ...]]

    @property
    def is_empty(self) -> bool:
        return not (self.runs or self.recipe or self.sites)


def diff_runs(old: RunRecord, new: RunRecord) -> RunDiff:
    """What changes from one to the other."""
    runs = {key: (a, b) for key in _OF_RUNS if (a := getattr(old, key)) != (b := getattr(new, key))}
    keys = dict.fromkeys((*old.recipe, *new.recipe))
    recipe = {key: (a, b) for key in keys if (a := old.recipe.get(key)) != (b := new.recipe.get(key))}
    return RunDiff(runs, recipe, _sites(old, new))


def _sites(old: RunRecord, new: RunRecord) -> dict[str, tuple[str, ...]]:
    """The sites by what changes there."""
    before, after = ({site.site: site for site in record.sites} for record in (old, new))
    alike: dict[str, list[str]] = {}
    for name in dict.fromkeys((*before, *after)):
        if words := _words(before.get(name), after.get(name)):
            alike.setdefault(words, []).append(name)
    return {words: tuple(names) for words, names in alike.items()}


def _words(old: SiteRecord | None, new: SiteRecord | None) -> str:
    if old is None or new is None:
        return "there is no such site in one of the models"
    changes = [(key, getattr(old, key), getattr(new, key)) for key in _SITE_KEYS]
    return ", ".join(f"{key} {_shown(a)} → {_shown(b)}" for key, a, b in changes if a != b)


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)
