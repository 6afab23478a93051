"""Builds the adapters of a plan on a loaded base, through peft, each site with its own settings.

peft's patterns cannot give a site its own dropout or initialization and are matched in an order that saving does
not keep. So a `LoraConfig` subclass carries the plan, and thin subclasses of peft's own layers look their
settings up by the site's full name.
"""

import copy
import math
from collections.abc import Mapping
from typing import Any

import bitsandbytes as bnb
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from peft.tuners.lora.bnb import Linear4bit as PeftLinear4bit
from peft.tuners.lora.bnb import Linear8bitLt as PeftLinear8bitLt
from peft.tuners.lora.layer import Linear as PeftLinear
from peft.tuners.lora.layer import LoraVariant
from torch import nn

from workbench.randomness import derive_seed
from workbench.run.record import RunRecord, SiteRecord
from workbench.train.dora import SiteDora
from workbench.train.dropout import DrawClock, SiteDropout
from workbench.train.low_rank import add_low_rank

ADAPTER = "default"


class PlanLoraConfig(LoraConfig):
    """A LoRA configuration that carries the settings of every adapted site by its full name."""

    def set_plan(self, sites: Mapping[str, SiteRecord], clock: DrawClock) -> None:
        self.plan_sites = dict(sites)
        self.clock = clock
        # Custom modules are tried in this order, and the quantized ones are nn.Linear too.
        self._register_custom_module(
            {bnb.nn.Linear4bit: SiteLinear4bit, bnb.nn.Linear8bitLt: SiteLinear8bit, nn.Linear: SiteLinear}
        )


class _SiteLayer:
    """Applies the plan where peft makes an adapter: in `update_layer`."""

    def __init__(self, target: nn.Module, adapter_name: str, *, config: PlanLoraConfig, **kwargs: Any) -> None:
        self._site_name = kwargs.pop("target_name", "")
        passed = {key: kwargs[key] for key in ("loaded_in_4bit", "loaded_in_8bit") if key in kwargs}
        super().__init__(target, adapter_name, config=config, **passed)  # type: ignore[call-arg]

    def update_layer(self, adapter_name: str, r: int, lora_alpha: float, config: PlanLoraConfig, **_: Any) -> None:
        record = config.plan_sites[self._site_name]
        plain = copy.copy(config)
        plain.lora_dropout = 0.0
        plain.init_lora_weights = False  # the draws below are the plan's own
        plain.use_rslora = record.method == "rslora"
        plain.use_dora = record.method == "dora"
        super().update_layer(adapter_name, record.r, lora_alpha=record.alpha, config=plain)  # type: ignore[misc]
        _initialize(self, adapter_name, record, config.clock.seed)
        if record.dropout:
            dropout = SiteDropout(record.dropout, record.site, config.clock)
            self.lora_dropout[adapter_name] = dropout  # type: ignore[attr-defined]

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """(..., in_features) to (..., out_features). Whatever is not one plain adapter goes peft's way."""
        layer: Any = self
        plain = layer.active_adapters == [ADAPTER] and ADAPTER not in layer.lora_variant
        if args or kwargs or not plain or layer.merged or layer.disable_adapters:
            out: torch.Tensor = super().forward(x, *args, **kwargs)  # type: ignore[misc]
            return out
        a, b = layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight
        dropout, scaling = layer.lora_dropout[ADAPTER], layer.scaling[ADAPTER]
        if not (isinstance(dropout, SiteDropout) and layer.training):
            return add_low_rank(layer.base_layer(x), x, a, b, scaling)
        return add_low_rank(layer.base_layer(x), x, a, b, scaling * dropout.gain, dropout.draw(x))

    def resolve_lora_variant(self, *, config: LoraConfig, **_: Any) -> LoraVariant | None:
        return SiteDora() if config.use_dora else None


class SiteLinear4bit(_SiteLayer, PeftLinear4bit):
    """A site whose base is stored in 4 bits."""


class SiteLinear8bit(_SiteLayer, PeftLinear8bitLt):
    """A site whose base is stored in 8 bits."""


class SiteLinear(_SiteLayer, PeftLinear):
    """A site whose base is stored in 16 or 32 bits."""


def _initialize(layer: Any, adapter_name: str, record: SiteRecord, seed: int) -> None:
    """A from the site's own generator, drawn on the CPU so that every device starts alike; B zero."""
    a, b = layer.lora_A[adapter_name].weight, layer.lora_B[adapter_name].weight
    generator = torch.Generator().manual_seed(derive_seed(seed, "init", record.site))
    drawn = torch.empty(a.shape, dtype=torch.float32)
    if record.init == "gaussian":
        nn.init.normal_(drawn, std=1 / a.shape[0], generator=generator)
    else:
        nn.init.kaiming_uniform_(drawn, a=math.sqrt(5), generator=generator)
    # peft has made both in the dtype of the base by now; drawing into that would round the values.
    a.data = drawn.to(a.device)
    b.data = torch.zeros(b.shape, dtype=torch.float32, device=b.device)


def adapted_sites(record: RunRecord) -> dict[str, SiteRecord]:
    return {site.site: site for site in record.sites if site.method != "none"}


def build_adapters(model: nn.Module, record: RunRecord) -> tuple[PeftModel, DrawClock]:
    """Wraps the base with the plan's adapters, fp32 and trainable; everything else stays frozen."""
    sites, clock = adapted_sites(record), DrawClock(record.seed)
    config = PlanLoraConfig(target_modules=list(sites), task_type="CAUSAL_LM")
    config.use_dora = any(site.method == "dora" for site in sites.values())  # peft saves magnitudes only then
    config.set_plan(sites, clock)
    return get_peft_model(model, config, adapter_name=ADAPTER, autocast_adapter_dtype=True), clock


def root_model(model: nn.Module) -> Any:
    """The transformers model inside a peft model, or the model itself: site names hold from there."""
    return model.get_base_model() if isinstance(model, PeftModel) else model


def site_layers(model: nn.Module) -> dict[str, LoraLayer]:
    """The adapter layers of a wrapped model by the site's full name."""
    return {name: module for name, module in root_model(model).named_modules() if isinstance(module, LoraLayer)}


def delta_factors(layer: LoraLayer) -> tuple[torch.Tensor, torch.Tensor]:
    """(A, B) with ΔW = B·A: A (r, in_features), B (out_features, r) times the scaling; detached fp32."""
    a = layer.lora_A[ADAPTER].weight.detach().float()
    b = layer.lora_B[ADAPTER].weight.detach().float()
    return a, b * layer.scaling[ADAPTER]
