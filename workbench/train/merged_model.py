"""A wrapped model whose adapters are merged for a while, to be evaluated as it would be afterwards."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from peft import PeftModel
from torch import nn

from workbench.plan.merge_target import Target
from workbench.run.record import RunRecord, SiteRecord
from workbench.train.adapters import ADAPTER, delta_factors, root_model, site_layers, starts_of
from workbench.train.group_int4 import GroupCodes
from workbench.train.layers import make_layer
from workbench.train.merge import Kept, MergedSite, merge_site
from workbench.train.originals import OriginalWeights
from workbench.train.saved_update import SiteUpdate
from workbench.train.start import StartFactors


@contextmanager
def merged(
    model: PeftModel, record: RunRecord, originals: OriginalWeights, target: Target, compute_dtype: torch.dtype
) -> Iterator[dict[str, Kept]]:
    """Puts merged layers in the place of all sites, yields what every adapted one kept, and puts the sites back.

    In memory is the merged model beside the one that was trained.
    """
    root, layers, starts = root_model(model), site_layers(model), starts_of(model)
    kept: dict[str, Kept] = {}
    before: dict[str, nn.Module] = {}
    try:
        for site in record.sites:
            here = root.get_submodule(site.site)
            linear = here.get_base_layer() if site.site in layers else here
            update = live_update(layers[site.site], site, starts) if site.site in layers else None
            original = originals.weight(site.site).to(_device(linear))
            found = merge_site(site, original, update, target, compute_dtype)
            root.set_submodule(site.site, _layer(linear, found, compute_dtype))
            before[site.site] = here
            if found.kept:
                kept[site.site] = found.kept
        yield kept
    finally:
        for name, module in before.items():
            root.set_submodule(name, module)


def live_update(layer: Any, site: SiteRecord, starts: Mapping[str, StartFactors]) -> SiteUpdate:
    """What the adapter of a built layer changes now."""
    magnitude = layer.lora_magnitude_vector[ADAPTER].weight.detach().float() if layer.structure.magnitude else None
    a, b = delta_factors(layer)
    scaling, start = layer.scaling[ADAPTER], starts.get(site.site)
    return SiteUpdate(layer.structure, scaling, a, b, magnitude, start.to(a.device) if start else None)


def _device(linear: Any) -> torch.device:
    held = next(iter([*linear.parameters(), *linear.buffers()]))
    assert isinstance(held, torch.Tensor)
    return held.device


def _layer(linear: Any, found: MergedSite, compute_dtype: torch.dtype) -> nn.Module:
    """The layer of the merged site's format, with its weight and the bias of the one before."""
    shape = (linear.in_features, linear.out_features, linear.bias is not None)
    with torch.device("meta"):
        layer = make_layer(*shape, found.settings, compute_dtype)
    if isinstance(found.stored, GroupCodes):
        layer.qweight, layer.scales, layer.zeros = found.stored.codes, found.stored.scales, found.stored.zeros
    else:
        layer.weight = found.stored
    layer.bias = linear.bias
    return layer.requires_grad_(False).eval()
