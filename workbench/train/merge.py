"""Merging an adapter into the weight of its site, and what of it is left afterwards.

Rounding to 4 bits drops most of a small change: of a ΔW of 1 % of the weight's deviation, NF4 keeps about 1.3 %. Only a
change that is constant in the groups of an int4 base goes in without loss, by moving their zero points (Xu et al. 2023,
QA-LoRA, section 3.3).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from workbench.plan.formats import FORMATS
from workbench.plan.merge_target import Target, merged_settings, own_settings
from workbench.plan.settings import BaseSettings
from workbench.run.record import SiteRecord
from workbench.train.dense import dense_parameter
from workbench.train.group_int4 import GroupCodes
from workbench.train.layers import make_layer, store
from workbench.train.saved_update import SiteUpdate


@dataclass(frozen=True, slots=True)
class Kept:
    """How much of the learned change L of the weight is there after merging.

    `fraction` is ⟨M − W₀, L⟩/‖L‖², where M is the merged weight as stored and W₀ the one before training: 1 is all, 0
    nothing. `error` is ‖(M − W₀) − L‖/‖L‖. The sums are kept, so that sites can be added up. Where the adapter started
    from the weight, L is what it has learned since.
    """

    common: float
    learned: float
    missed: float

    @property
    def fraction(self) -> float | None:
        return self.common / self.learned if self.learned else None

    @property
    def error(self) -> float | None:
        return (self.missed / self.learned) ** 0.5 if self.learned else None


def total(sites: Iterable[Kept]) -> Kept:
    """All sites as one long weight."""
    sums = [sum(values) for values in zip(*((k.common, k.learned, k.missed) for k in sites), strict=True)]
    return Kept(*sums) if sums else Kept(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class MergedSite:
    """A site after merging: how it is stored, the weight in that storage, and what was kept (None: not adapted)."""

    settings: BaseSettings
    stored: nn.Parameter | GroupCodes
    lossless: bool
    kept: Kept | None


@torch.no_grad()
def merge_site(
    site: SiteRecord,
    original: torch.Tensor,
    update: SiteUpdate | None,
    target: Target,
    compute_dtype: torch.dtype = torch.float32,
) -> MergedSite:
    """Merges the update (None: the site has no adapter) into a site whose original weight is (out, in) in fp32."""
    settings = merged_settings(site, target)
    own = _store(update.residual(original) if update else original, own_settings(site), compute_dtype)
    base = dense_parameter(own)
    if update is None:
        return MergedSite(settings, _unchanged(site, original, own, base, target, settings, compute_dtype), True, None)
    delta = update.delta(base)
    begun = update.begun()
    learned = delta - begun
    lossless = _is_lossless(site, update, target)
    if lossless and isinstance(own, GroupCodes):
        before, change = base + begun, update.group_change(site.blocksize or 1)
        stored: nn.Parameter | GroupCodes = GroupCodes(own.codes, own.scales, own.zeros - change / own.scales)
    else:
        before = base + begun if target.onto == "quantized" else original
        whole = base + delta if target.onto == "quantized" else original + learned
        stored = _store(whole, settings, compute_dtype)
    return MergedSite(settings, stored, lossless, _kept(dense_parameter(stored) - before, learned))


def _is_lossless(site: SiteRecord, update: SiteUpdate, target: Target) -> bool:
    """Whether moving zero points is all that merging needs."""
    aligned = update.structure.additive and update.structure.pool % (site.blocksize or 1) == 0
    return site.base == target.into and FORMATS[site.base].zero_points and target.onto == "quantized" and aligned


def _unchanged(
    site: SiteRecord,
    original: torch.Tensor,
    own: nn.Parameter | GroupCodes,
    base: torch.Tensor,
    target: Target,
    settings: BaseSettings,
    compute_dtype: torch.dtype,
) -> nn.Parameter | GroupCodes:
    """A site without adapter: as it is, or in 16 and 32 bits."""
    if settings == own_settings(site):
        return own
    return _store(original if target.onto == "original" else base, settings, compute_dtype)


def _store(weight: torch.Tensor, settings: BaseSettings, compute_dtype: torch.dtype) -> nn.Parameter | GroupCodes:
    with torch.device("meta"):
        layer = make_layer(weight.shape[1], weight.shape[0], False, settings, compute_dtype)
    return store(layer, weight, compute_dtype)


def _kept(change: torch.Tensor, learned: torch.Tensor) -> Kept:
    missed = (change - learned).double().square().sum().item()
    return Kept((change * learned).double().sum().item(), learned.double().square().sum().item(), missed)
