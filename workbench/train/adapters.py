"""Builds the adapters of a plan on a loaded base, through peft, each site with its own settings.

peft's patterns cannot give a site its own dropout or initialization and are matched in an order that saving does
not keep. So a `LoraConfig` subclass carries the plan, and thin subclasses of peft's own layers look their
settings up by the site's full name. What the matrices are, the method's entry in the catalogue says.
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

from workbench.plan.catalogue import CATALOGUE
from workbench.plan.settings import AdapterSettings
from workbench.plan.structure import Structure
from workbench.randomness import derive_seed
from workbench.run.record import RunRecord, SiteRecord
from workbench.train.connection import Connection
from workbench.train.dora import SiteDora
from workbench.train.dropout import DrawClock, SiteDropout
from workbench.train.group_int4 import GroupInt4Linear
from workbench.train.start import StartFactors
from workbench.train.update import Shape, add_update

ADAPTER = "default"


def settings_of(record: SiteRecord) -> AdapterSettings:
    """The adapter's settings of an adapted site, as the catalogue takes them."""
    assert record.r is not None
    return AdapterSettings(
        record.method,
        record.r,
        record.alpha or 0.0,
        record.dropout or 0.0,
        record.init or "default",
        record.balance or 1,
        record.pool or 1,
    )


def structure_of(record: SiteRecord) -> Structure:
    """The matrices that the catalogue's entry asks for at an adapted site."""
    return CATALOGUE[record.method].structure(settings_of(record))


class PlanLoraConfig(LoraConfig):
    """A LoRA configuration that carries the settings of every adapted site by its full name."""

    def set_plan(self, sites: Mapping[str, SiteRecord], clock: DrawClock, starts: Mapping[str, StartFactors]) -> None:
        self.plan_sites, self.clock, self.starts = dict(sites), clock, dict(starts)
        # Custom modules are tried in this order, and the quantized ones are nn.Linear too.
        self._register_custom_module(
            {
                bnb.nn.Linear4bit: SiteLinear4bit,
                bnb.nn.Linear8bitLt: SiteLinear8bit,
                GroupInt4Linear: SiteLinearInt4,
                nn.Linear: SiteLinear,
            }
        )


class _SiteLayer:
    """Applies the plan where peft makes an adapter: in `update_layer`."""

    def __init__(self, target: nn.Module, adapter_name: str, *, config: PlanLoraConfig, **kwargs: Any) -> None:
        self._site_name = kwargs.pop("target_name", "")
        passed = {key: kwargs[key] for key in ("loaded_in_4bit", "loaded_in_8bit") if key in kwargs}
        super().__init__(target, adapter_name, config=config, **passed)  # type: ignore[call-arg]

    def update_layer(self, adapter_name: str, r: int, lora_alpha: float, config: PlanLoraConfig, **_: Any) -> None:
        layer: Any = self
        record = config.plan_sites[self._site_name]
        layer.structure = structure_of(record)
        plain = copy.copy(config)
        plain.lora_dropout = 0.0
        plain.init_lora_weights = False  # the draws below are the plan's own
        plain.use_dora = layer.structure.magnitude
        super().update_layer(adapter_name, record.r, lora_alpha=record.alpha, config=plain)  # type: ignore[misc]
        layer.scaling[adapter_name] = record.scaling
        _shape(layer, adapter_name, layer.structure)
        _initialize(layer, adapter_name, record, config)
        if record.dropout:
            layer.lora_dropout[adapter_name] = SiteDropout(record.dropout, record.site, config.clock)

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """(..., in_features) to (..., out_features). Whatever is not one adapter that adds goes peft's way."""
        layer: Any = self
        alone = layer.active_adapters == [ADAPTER] and ADAPTER not in layer.lora_variant
        if args or kwargs or not alone or layer.merged or layer.disable_adapters:
            out: torch.Tensor = super().forward(x, *args, **kwargs)  # type: ignore[misc]
            return out
        a, b = trained_factors(layer)
        shape = Shape(layer.structure.pool, layer.structure.repeat)
        dropout, scaling = layer.lora_dropout[ADAPTER], layer.scaling[ADAPTER]
        if not (isinstance(dropout, SiteDropout) and layer.training):
            return add_update(layer.base_layer(x), x, a, b, scaling, shape)
        dropped = dropout.draw((*x.shape[:-1], x.shape[-1] // shape.pool), x.device)
        return add_update(layer.base_layer(x), x, a, b, scaling * dropout.gain, shape, dropped)

    def get_delta_weight(self, adapter: str) -> torch.Tensor:
        """ΔW (out_features, in_features), by which peft merges."""
        a, b = delta_factors(self)
        return b @ a

    def resolve_lora_variant(self, *, config: LoraConfig, **_: Any) -> LoraVariant | None:
        return SiteDora() if config.use_dora else None


class SiteLinear4bit(_SiteLayer, PeftLinear4bit):
    """A site whose base is stored in 4 bits by bitsandbytes."""


class SiteLinear8bit(_SiteLayer, PeftLinear8bitLt):
    """A site whose base is stored in 8 bits."""


class SiteLinearInt4(_SiteLayer, PeftLinear):
    """A site whose base is stored in groups of 4-bit integers."""

    def _get_in_out_features(self, module: Any) -> tuple[int, int]:
        # peft warns of layer types that it does not know
        return module.in_features, module.out_features

    def merge(self, safe_merge: bool = False, adapter_names: list[str] | None = None) -> None:
        raise NotImplementedError("peft cannot merge into int4: use `workbench adapter merge`")


class SiteLinear(_SiteLayer, PeftLinear):
    """A site whose base is stored in 16 or 32 bits."""


def _shape(layer: Any, adapter_name: str, structure: Structure) -> None:
    """Replaces peft's A (r, in) and B (out, r) by the matrices of the structure; empty, on the same device."""
    device = layer.lora_A[adapter_name].weight.device
    rows, columns = structure.core(layer.in_features, layer.out_features)
    if structure.rank is None:
        layer.lora_A[adapter_name] = _matrix(rows, columns, device)
        layer.lora_B[adapter_name] = nn.Identity()
    else:
        layer.lora_A[adapter_name] = _matrix(structure.rank, columns, device)
        layer.lora_B[adapter_name] = _matrix(rows, structure.rank, device)
    if structure.connected:
        # under peft's own prefix, so that it is trained, saved and loaded like the matrices
        layer.lora_connection = nn.ModuleDict({adapter_name: Connection(device)})


def _matrix(rows: int, columns: int, device: torch.device) -> nn.Linear:
    """fp32, whatever the base is in: small changes are lost in 16 bits."""
    return nn.utils.skip_init(nn.Linear, columns, rows, bias=False, device=device, dtype=torch.float32)


def _initialize(layer: Any, adapter_name: str, record: SiteRecord, config: PlanLoraConfig) -> None:
    """A from the site's own generator, drawn on the CPU so that every device starts alike; B, or a dense C, zero.

    Where the base was made with start factors (pissa, loftq), those.
    """
    a = layer.lora_A[adapter_name].weight
    b = getattr(layer.lora_B[adapter_name], "weight", None)
    if b is None:
        a.data.zero_()
    elif start := config.starts.get(record.site):
        # copies: training changes them, and the start is saved as it was
        a.data, b.data = start.a.to(a.device, copy=True), start.b.to(b.device, copy=True)
    else:
        a.data = _drawn(a.shape, record, config.clock.seed).to(a.device)
        b.data.zero_()


def _drawn(shape: torch.Size, record: SiteRecord, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(derive_seed(seed, "init", record.site))
    drawn = torch.empty(shape, dtype=torch.float32)
    if record.init == "gaussian":
        return nn.init.normal_(drawn, std=1 / (record.r or 1), generator=generator)
    return nn.init.kaiming_uniform_(drawn, a=math.sqrt(5), generator=generator)


def adapted_sites(record: RunRecord) -> dict[str, SiteRecord]:
    return {site.site: site for site in record.sites if site.method != "none"}


def build_adapters(
    model: nn.Module, record: RunRecord, starts: Mapping[str, StartFactors] | None = None
) -> tuple[PeftModel, DrawClock]:
    """Wraps the base with the plan's adapters, fp32 and trainable; everything else stays frozen.

    `starts` are the factors that the base was loaded with (`Base.starts`).
    """
    sites, clock = adapted_sites(record), DrawClock(record.seed)
    config = PlanLoraConfig(target_modules=list(sites), task_type="CAUSAL_LM")
    # peft saves magnitudes only then
    config.use_dora = any(structure_of(site).magnitude for site in sites.values())
    config.set_plan(sites, clock, starts or {})
    return get_peft_model(model, config, adapter_name=ADAPTER, autocast_adapter_dtype=True), clock


def starts_of(model: PeftModel) -> Mapping[str, StartFactors]:
    """The factors that the base of a wrapped model was loaded with."""
    config: Any = model.peft_config[ADAPTER]
    return dict(config.starts)


def root_model(model: nn.Module) -> Any:
    """The transformers model inside a peft model, or the model itself: site names hold from there."""
    return model.get_base_model() if isinstance(model, PeftModel) else model


def site_layers(model: nn.Module) -> dict[str, LoraLayer]:
    """The adapter layers of a wrapped model by the site's full name."""
    return {name: module for name, module in root_model(model).named_modules() if isinstance(module, LoraLayer)}


def trained_factors(layer: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    """(A, B) as the update takes them: A (k, in/pool) and B (out/repeat, k), or the dense matrix and None."""
    a, b = layer.lora_A[ADAPTER].weight, getattr(layer.lora_B[ADAPTER], "weight", None)
    return layer.lora_connection[ADAPTER](a, b) if layer.structure.connected else (a, b)


@torch.no_grad()
def delta_factors(layer: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """(A, B) with ΔW = B·A: A (k, in_features), B (out_features, k) times the scaling; detached fp32."""
    a, b = (None if factor is None else factor.detach().float() for factor in trained_factors(layer))
    assert a is not None
    wide, tall = expanded_factors(a, b, layer.structure)
    return wide, tall * layer.scaling[ADAPTER]


def expanded_factors(
    a: torch.Tensor, b: torch.Tensor | None, structure: Structure
) -> tuple[torch.Tensor, torch.Tensor]:
    """(A, B) with ΔW = s·B·A: A (k, in_features), B (out_features, k), from what a structure trains.

    Every update that adds is a low-rank one with tied weights, so plain LoRA can say it: k is the inner size, or the
    smaller side of a dense matrix.
    """
    if b is None:
        rows, columns = a.shape
        one = torch.eye(min(rows, columns), device=a.device)
        a, b = (a, one) if rows <= columns else (one, a)
    return a.repeat_interleave(structure.pool, 1) / structure.pool, b.repeat_interleave(structure.repeat, 0)
