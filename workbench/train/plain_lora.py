"""A saved adapter as plain LoRA: factors that stock peft loads, whatever method trained them.

Every update that adds is a low-rank one with tied weights, so it needs no more than a rank and an alpha per site. What
has no such form (magnitudes on a base that peft cannot make) is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from workbench.errors import InvalidError
from workbench.plan.compact import name_sites
from workbench.run.record import RunRecord, SiteRecord
from workbench.train.adapters import adapted_sites, structure_of
from workbench.train.save import alpha_for, is_stock
from workbench.train.saved_update import SavedUpdates
from workbench.train.start import FROM_WEIGHT


@dataclass(frozen=True, slots=True, eq=False)
class PlainFactors:
    """ΔW = alpha/r · B·A with A (r, in), B (out, r), fp32."""

    a: torch.Tensor
    b: torch.Tensor
    alpha: float

    @property
    def r(self) -> int:
        return self.a.shape[0]


def magnitude_sites(record: RunRecord) -> tuple[str, ...]:
    """The sites whose update depends on the weight below it."""
    return tuple(name for name, site in adapted_sites(record).items() if not structure_of(site).additive)


def check_exportable(record: RunRecord, uniform: bool = False) -> None:
    """Raises InvalidError, with the sites and what to do instead, where no LoRA checkpoint can hold the adapter."""
    names = magnitude_sites(record)
    if not names or (is_stock(record) and not uniform):
        return
    method = adapted_sites(record)[names[0]].method
    into = f"merge it into the weights instead: workbench adapter merge {record.name} --into bf16 --to DIR"
    where = f"run {record.name}: {name_sites(names)}: {method} rescales whole rows of the weight"
    if is_stock(record):
        reason = "which one rank and one alpha for all sites cannot say"
        raise InvalidError(f"{where}, {reason}", f"leave --uniform out for a DoRA checkpoint of peft, or {into}")
    reason = "and peft knows that only where all other sites are lora or rslora, and none starts from the weight"
    raise InvalidError(f"{where}, {reason}", into)


def approximate_sites(record: RunRecord) -> tuple[str, ...]:
    """Sites whose export for the original checkpoint is not exact: what the base lost by rounding is lost to it."""
    return tuple(n for n, site in adapted_sites(record).items() if site.init in FROM_WEIGHT and site.base != "fp32")


def plain_factors(record: RunRecord, updates: SavedUpdates, onto: str = "trained") -> dict[str, PlainFactors]:
    """The factors of every adapted site.

    Of lora and rslora they are the numbers that were trained, bit by bit. For the `original` checkpoint, a site whose
    adapter started from the weight gets what it has learned since, as one pair of twice the rank: s·(B·A − B₀·A₀).

    Raises InvalidError where the saved adapter does not fit the record.
    """
    return {name: _factors(site, updates, onto) for name, site in adapted_sites(record).items()}


def _factors(site: SiteRecord, updates: SavedUpdates, onto: str) -> PlainFactors:
    a, b = updates.factors(site)
    start = updates.start(site) if onto == "original" else None
    if start:
        a, b = torch.cat([a, start.a]), torch.cat([b, -start.b], 1)
    alpha = alpha_for(site) if structure_of(site).plain and not start else (site.scaling or 0.0) * a.shape[0]
    return PlainFactors(a.contiguous(), b.contiguous(), alpha)


def uniform_factors(sites: Mapping[str, PlainFactors]) -> dict[str, PlainFactors]:
    """The same changes with one rank, the largest, and alpha = r: B has the scaling in it, and zeros fill up."""
    r = max(factors.r for factors in sites.values())
    return {name: _padded(factors, r) for name, factors in sites.items()}


def _padded(factors: PlainFactors, r: int) -> PlainFactors:
    a = factors.a.new_zeros(r, factors.a.shape[1])
    b = factors.b.new_zeros(factors.b.shape[0], r)
    a[: factors.r], b[:, : factors.r] = factors.a, factors.b * (factors.alpha / factors.r)
    return replace(factors, a=a, b=b, alpha=float(r))
