"""What each base format would do to the weights of a model, measured on the weights without loading the model."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

import torch

from workbench.plan.format_list import NamedFormat
from workbench.plan.formats import base_format
from workbench.plan.model_map import ModelMap, require_weights
from workbench.plan.settings import BaseSettings
from workbench.plan.site import BANDS, LAYER_TYPES, Site
from workbench.train.dense import dense_parameter
from workbench.train.layers import make_layer, store
from workbench.train.originals import OriginalWeights


@dataclass(frozen=True, slots=True)
class SiteErrors:
    """One site: ‖W‖, and by the formats' names ‖W − Ŵ‖/‖W‖, or why a format does not fit the site."""

    site: Site
    weight_norm: float
    errors: dict[str, float]
    misfits: dict[str, str]


@dataclass(frozen=True, slots=True)
class GroupErrors:
    """One group of sites: by format the error of its weights taken as one, and how many of its sites that covers."""

    name: str
    sites: int
    errors: dict[str, float | None]
    covered: dict[str, int]


def measure_formats(model_map: ModelMap, formats: Sequence[NamedFormat]) -> tuple[SiteErrors, ...]:
    """The error of every site in every format; one weight at a time is in memory.

    Raises NotFoundError where the weights are not on this machine.
    """
    require_weights(model_map)
    originals = OriginalWeights(model_map.path, model_map.family)
    return tuple(_measure(site, originals.weight(site.name), formats) for site in model_map.sites)


def _measure(site: Site, weight: torch.Tensor, formats: Sequence[NamedFormat]) -> SiteErrors:
    norm = weight.norm().item()
    errors, misfits = {}, {}
    for asked in formats:
        if problem := base_format(asked.settings.format).problem(asked.settings, site.in_features):
            misfits[asked.name] = "; ".join(problem)
        else:
            errors[asked.name] = (weight - _stored(weight, asked.settings)).norm().item() / (norm or 1.0)
    return SiteErrors(site, norm, errors, misfits)


def _stored(weight: torch.Tensor, settings: BaseSettings) -> torch.Tensor:
    with torch.device("meta"):
        layer = make_layer(weight.shape[1], weight.shape[0], False, settings, torch.float32)
    return dense_parameter(store(layer, weight, torch.float32))


def group_errors(measured: Iterable[SiteErrors], formats: Sequence[NamedFormat]) -> tuple[GroupErrors, ...]:
    """Layer types, bands, both together, modules, and all; groups without a site are left out."""
    groups: dict[str, list[SiteErrors]] = {name: [] for name in _order()}
    for found in measured:
        site = found.site
        names = (site.layer_type, site.band, f"{site.band} {site.layer_type}", site.module, "all")
        for name in names:
            groups.setdefault(name, []).append(found)
    groups["all"] = groups.pop("all")
    return tuple(_group(name, sites, formats) for name, sites in groups.items() if sites)


def _order() -> tuple[str, ...]:
    both = (f"{band} {layer_type}" for band in BANDS for layer_type in LAYER_TYPES)
    return (*LAYER_TYPES, *BANDS, *both)


def _group(name: str, sites: Sequence[SiteErrors], formats: Sequence[NamedFormat]) -> GroupErrors:
    fitting = {asked.name: [site for site in sites if asked.name in site.errors] for asked in formats}
    return GroupErrors(
        name,
        len(sites),
        {asked: _together(asked, found) if found else None for asked, found in fitting.items()},
        {asked: len(found) for asked, found in fitting.items()},
    )


def _together(asked: str, sites: Sequence[SiteErrors]) -> float:
    """The relative error of the sites' weights as one long vector."""
    norm = sqrt(sum(site.weight_norm**2 for site in sites))
    return sqrt(sum((site.errors[asked] * site.weight_norm) ** 2 for site in sites)) / (norm or 1.0)


def misfits(measured: Iterable[SiteErrors]) -> dict[tuple[str, str], list[Site]]:
    """The sites that a format does not fit, by its name and the reason."""
    found: dict[tuple[str, str], list[Site]] = {}
    for site in measured:
        for reason in site.misfits.items():
            found.setdefault(reason, []).append(site.site)
    return found
