"""Base formats mixed per site, in one `from_pretrained`: a quantizer registered with transformers.

One `BitsAndBytesConfig` knows one format, block size and double quantization for a whole model; a plan has them
per site. Each weight is brought to the format of its site as it is read, so no 16-bit model is ever held, and what
that cost (‖W − Ŵ‖ / ‖W‖) is measured while the original is at hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.core_model_loading import ConversionOps
from transformers.quantizers import HfQuantizer, register_quantization_config, register_quantizer
from transformers.quantizers.quantizers_utils import get_module_from_name
from transformers.utils.quantization_config import QuantizationConfigMixin

from workbench.plan.settings import BaseSettings
from workbench.train.dense import dense_parameter
from workbench.train.group_int4 import GroupCodes, GroupInt4Linear
from workbench.train.layers import DTYPES, make_layer, store
from workbench.train.packed import unpack
from workbench.train.start import StartFactors, StartPlan, start_factors

__all__ = ["DTYPES", "PlanQuantConfig", "WeightNorms", "relative_error"]
METHOD_NAME = "adapter_workbench"


@dataclass(frozen=True, slots=True)
class WeightNorms:
    """Frobenius norm of an original weight W, and ‖W − Ŵ‖ over it.

    Ŵ is the stored weight, and where the adapter starts from W, the stored weight with the adapter's start added:
    that is what the model computes with before its first step.
    """

    weight_norm: float
    quant_error: float


@dataclass(frozen=True, slots=True)
class SiteStorage:
    """How a site is stored; `start` where its adapter starts from the original weight."""

    settings: BaseSettings
    start: StartPlan | None = None


@register_quantization_config(METHOD_NAME)
class PlanQuantConfig(QuantizationConfigMixin):
    """Carries the storage by full site name; lives only while a model is loaded.

    `given` are start factors to build the base from; without them they are worked out. With `packed` the checkpoint
    holds weights in their storage already, and these are the other parts of it, by site. Loading fills in `norms` and
    `starts`, but of packed weights nothing is known.
    """

    def __init__(
        self,
        sites: Mapping[str, SiteStorage] | None = None,
        compute_dtype: torch.dtype = torch.float32,
        given: Mapping[str, StartFactors] | None = None,
        packed: Mapping[str, Mapping[str, torch.Tensor]] | None = None,
        **_: Any,
    ) -> None:
        self.quant_method = METHOD_NAME
        self.sites = dict(sites or {})
        self.compute_dtype = compute_dtype
        self.given = dict(given or {})
        self.packed = dict(packed or {})
        self.norms: dict[str, WeightNorms] = {}
        self.starts: dict[str, StartFactors] = {}

    def to_dict(self) -> dict[str, Any]:
        return {"quant_method": self.quant_method}


class StoreOp(ConversionOps):
    """Turns one original weight into the storage of its site and notes the error."""

    def __init__(self, config: PlanQuantConfig) -> None:
        self._config = config

    def convert(
        self,
        input_dict: dict[str, Any],
        model: nn.Module | None = None,
        missing_keys: set[str] | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        stored: dict[str, torch.Tensor] = {}
        for name, value in input_dict.items():
            original = (value[0] if isinstance(value, list) else value).float()
            module, _attribute = get_module_from_name(model, name)
            weight = self._stored(name.removesuffix(".weight"), module, original)
            if isinstance(weight, GroupCodes):
                stored |= _in_parts(name.removesuffix("weight"), weight)
                del module.weight  # the stand-in; what takes its place is in the parts
                (missing_keys or set()).discard(name)
            else:
                stored[name] = weight
            module._is_hf_initialized = True
        return stored

    def _stored(self, site: str, layer: nn.Module, original: torch.Tensor) -> nn.Parameter | GroupCodes:
        """The weight as its site stores it; notes its norms, and the start of its adapter."""
        if (parts := self._config.packed.get(site)) is not None:
            return unpack(layer, original, parts, self._config.compute_dtype)
        plan = self._config.sites[site].start
        if plan is None:
            weight = store(layer, original, self._config.compute_dtype)
            self._config.norms[site] = relative_error(original, dense_parameter(weight))
            return weight
        start = self._start(plan, layer, original)
        weight = store(layer, start.residual(original, plan.scaling), self._config.compute_dtype)
        started = dense_parameter(weight) + start.start(plan.scaling)
        self._config.norms[site] = relative_error(original, started)
        self._config.starts[site] = start
        return weight

    def _start(self, plan: StartPlan, layer: nn.Module, original: torch.Tensor) -> StartFactors:
        if plan.site in self._config.given:
            return self._config.given[plan.site].to(original.device)

        def quantize(weight: torch.Tensor) -> torch.Tensor:
            return dense_parameter(store(layer, weight, self._config.compute_dtype))

        return start_factors(plan, original, quantize)


def _in_parts(prefix: str, groups: GroupCodes) -> dict[str, torch.Tensor]:
    return {f"{prefix}qweight": groups.codes, f"{prefix}scales": groups.scales, f"{prefix}zeros": groups.zeros}


def relative_error(original: torch.Tensor, stored: torch.Tensor) -> WeightNorms:
    """The norms of an original weight and of what became of it, both (out_features, in_features) in fp32."""
    norm = original.norm().item()
    error = (original - stored).norm().item()
    return WeightNorms(norm, error / norm if norm else 0.0)


@register_quantizer(METHOD_NAME)
class PlanQuantizer(HfQuantizer):
    """Puts the layer that each site's base format needs in the place of its `nn.Linear`."""

    requires_calibration = False
    quantization_config: PlanQuantConfig

    def _process_model_before_weight_loading(self, model: PreTrainedModel, **_: Any) -> None:
        for name, site in self.quantization_config.sites.items():
            model.set_submodule(name, self._layer(model.get_submodule(name), site.settings))
        # Read originals without rounding them to the compute dtype first.
        kept = getattr(model, "_keep_in_fp32_modules_strict", None) or ()
        model._keep_in_fp32_modules_strict = {*kept, *self.quantization_config.sites}

    def _layer(self, linear: nn.Linear, settings: BaseSettings) -> nn.Module:
        bias = linear.bias is not None
        with torch.device("meta"):
            layer = make_layer(
                linear.in_features, linear.out_features, bias, settings, self.quantization_config.compute_dtype
            )
            if isinstance(layer, GroupInt4Linear):  # the loader looks for the checkpoint's name
                layer.weight = nn.Parameter(torch.empty(linear.weight.shape))
        layer.source_cls = type(linear)
        return layer.requires_grad_(False)

    def param_needs_quantization(self, model: nn.Module, param_name: str, **_: Any) -> bool:
        return param_name.endswith(".weight") and param_name.removesuffix(".weight") in self.quantization_config.sites

    def get_quantize_ops(self) -> StoreOp:
        return StoreOp(self.quantization_config)

    def _process_model_after_weight_loading(self, model: PreTrainedModel, **_: Any) -> PreTrainedModel:
        # peft looks at both flags when it decides how to wrap and merge layers.
        model.is_loaded_in_4bit = model.is_loaded_in_8bit = True
        return model

    def is_serializable(self) -> bool:
        return False

    @property
    def is_trainable(self) -> bool:
        return True
