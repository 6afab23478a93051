"""What differs between two plans, site by site and as a few readable lines."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from workbench.errors import InvalidError
from workbench.plan.catalogue import NONE
from workbench.plan.compact import compact
from workbench.plan.cost import discount
from workbench.plan.keys import BASE_KEYS, format_value
from workbench.plan.plan import Plan, PlannedSite
from workbench.plan.site import Site

_NO_VALUE = "–"


@dataclass(frozen=True, slots=True)
class Change:
    """One key at one site; None where the key does not apply."""

    site: str
    key: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class PlanDiff:
    """All changes from one plan to another; `lines` say the same, one line for sites that change alike."""

    old: str
    new: str
    changes: tuple[Change, ...]
    lines: tuple[str, ...]
    trainable_params: tuple[int, int]
    base_bytes: tuple[int, int]
    discount: float | None

    def to_json(self) -> dict[str, Any]:
        """What `plan diff --json` prints."""
        return asdict(self)


def diff_plans(a: Plan, b: Plan) -> PlanDiff:
    """What changes from `a` to `b`. Raises InvalidError when their models have different sites."""
    if [p.site for p in a.sites] != [p.site for p in b.sites]:
        hint = f"'{a.name}' is for {a.model}, '{b.name}' for {b.model}: give both the same model"
        raise InvalidError("the plans are for models with different sites", hint)
    by_site = {old.site: tuple(_changes(old, new)) for old, new in zip(a.sites, b.sites, strict=True)}
    return PlanDiff(
        old=a.name,
        new=b.name,
        changes=tuple(change for changes in by_site.values() for change in changes),
        lines=tuple(_lines(by_site, a)),
        trainable_params=(a.trainable_params, b.trainable_params),
        base_bytes=(sum(p.base_bytes for p in a.sites), sum(p.base_bytes for p in b.sites)),
        discount=discount(b, a),
    )


def _changes(old: PlannedSite, new: PlannedSite) -> Iterator[Change]:
    before, after = _settings(old), _settings(new)
    for key in before:
        if before[key] != after[key]:
            yield Change(old.site.name, key, before[key], after[key])


def _settings(planned: PlannedSite) -> dict[str, Any]:
    adapter, base = planned.adapter, planned.base
    return {
        "method": planned.method,
        "r": adapter.r if adapter else None,
        "alpha": adapter.alpha if adapter else None,
        "scaling": planned.scaling,
        "balance": adapter.balance if adapter else None,
        "pool": adapter.pool if adapter else None,
        "dropout": adapter.dropout if adapter else None,
        "init": adapter.init if adapter else None,
        "base": base.format,
        "blocksize": base.blocksize,
        "double_quant": base.double_quant,
        "threshold": base.threshold,
    }


def _lines(by_site: dict[Site, tuple[Change, ...]], plan: Plan) -> Iterator[str]:
    alike: dict[tuple[str, ...], list[Site]] = {}
    for site, changes in by_site.items():
        if changes:
            alike.setdefault(_words(changes), []).append(site)
    for words, sites in alike.items():
        yield f"{'; '.join(compact(sites, plan.map))}: {', '.join(words)}"


def _words(changes: tuple[Change, ...]) -> tuple[str, ...]:
    """The changes in words. A site that starts or stops being adapted says only that, and with what."""
    switched = any(change.key == "method" and NONE in (change.old, change.new) for change in changes)
    told = ("method", "r", "alpha", *BASE_KEYS) if switched else None
    return tuple(_arrow(change) for change in changes if told is None or change.key in told)


def _arrow(change: Change) -> str:
    return f"{change.key} {_shown(change.old)} → {_shown(change.new)}"


def _shown(value: Any) -> str:
    return _NO_VALUE if value is None else format_value(value)
