"""One site of any shape, built by the very code that builds the sites of a model: what is measured in a proof."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from peft import PeftModel
from torch import nn

from workbench.plan.plan import PlannedSite, site_record
from workbench.plan.settings import AdapterSettings, BaseSettings
from workbench.plan.site import Site
from workbench.run.record import RunRecord
from workbench.train.adapters import ADAPTER, build_adapters, site_layers
from workbench.train.dropout import DrawClock
from workbench.train.quantizer import PlanQuantConfig, PlanQuantizer, SiteStorage, StoreOp, WeightNorms
from workbench.train.start import StartFactors, start_plan

NAME = "layer"


@dataclass(frozen=True, slots=True)
class Case:
    """A site (out_features, in_features) with a random weight and, with `bias`, a random bias."""

    adapter: AdapterSettings
    base: BaseSettings
    in_features: int
    out_features: int
    bias: bool = False
    seed: int = 0

    @property
    def record(self) -> RunRecord:
        """A run of this site alone."""
        site = Site(NAME, 0, NAME, "mlp", 0.0, "lower", self.in_features, self.out_features)
        planned = site_record(PlannedSite(site, self.base, self.adapter))
        return RunRecord(
            run_id=NAME,
            name=NAME,
            plan=NAME,
            plan_hash="",
            plan_file={},
            model=NAME,
            model_path="",
            model_fingerprint="",
            recipe_name="",
            recipe_hash="",
            recipe={},
            data={},
            data_hash="",
            seed=self.seed,
            reference=False,
            trainable_params=planned.trainable_params,
            base_params=site.params,
            predicted_bytes={},
            created=0.0,
            sites=(planned,),
        )


@dataclass(frozen=True, slots=True)
class BuiltSite:
    """A site with its adapter; `original` is its weight (out, in) before it was stored, `norms` what storing cost."""

    case: Case
    record: RunRecord
    model: PeftModel
    clock: DrawClock
    original: torch.Tensor
    norms: WeightNorms
    starts: Mapping[str, StartFactors]

    @property
    def layer(self) -> Any:
        return site_layers(self.model)[NAME]

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        """The trained values under the names of `workbench.train.proof_formulas`."""
        layer, found = self.layer, {}
        for name, holder in (("a", layer.lora_A), ("b", layer.lora_B), ("magnitude", layer.lora_magnitude_vector)):
            if (weight := getattr(holder[ADAPTER], "weight", None) if ADAPTER in holder else None) is not None:
                found[name] = weight
        if hasattr(layer, "lora_connection"):
            found["beta"] = layer.lora_connection[ADAPTER].beta
        return found


class _OneSite(nn.Module):
    """The least that can be quantized and wrapped as a language model is."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.layer = nn.Linear(case.in_features, case.out_features, case.bias)
        self.hf_device_map = {"": "cpu"}  # peft looks for a parameter otherwise, and an int4 layer has none

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.layer(x)
        return out

    def prepare_inputs_for_generation(self) -> None:
        """peft asks every causal model for it."""


def random_tensor(case: Case, shape: tuple[int, ...], purpose: int) -> torch.Tensor:
    """Standard normal numbers in fp32 that depend on the case's seed and the purpose alone."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(16 * case.seed + purpose))


def build_site(case: Case, starts: Mapping[str, StartFactors] | None = None) -> BuiltSite:
    """Stores the weight in its base format and puts the adapter on it. `starts` are those of a saved adapter."""
    record, model = case.record, _OneSite(case)
    weight = random_tensor(case, (case.out_features, case.in_features), 0) / case.in_features**0.5
    config = PlanQuantConfig({NAME: SiteStorage(case.base, start_plan(record.sites[0]))}, torch.float32, starts)
    quantizer = PlanQuantizer(config)
    quantizer._process_model_before_weight_loading(model)
    for name, tensor in StoreOp(config).convert({f"{NAME}.weight": weight}, model).items():
        setattr(model.layer, name.removeprefix(f"{NAME}."), tensor)
    if case.bias:
        model.layer.bias = nn.Parameter(random_tensor(case, (case.out_features,), 1))
    quantizer._process_model_after_weight_loading(model)
    wrapped, clock = build_adapters(model.requires_grad_(False), record, config.starts)
    return BuiltSite(case, record, wrapped, clock, weight, config.norms[NAME], config.starts)
