"""Base formats mixed per site, in one `from_pretrained`: a quantizer registered with transformers.

One `BitsAndBytesConfig` knows one format, block size and double quantization for a whole model; a plan has them
per site. Each weight is brought to the format of its site as it is read, so no 16-bit model is ever held, and what
that cost (‖W − Ŵ‖ / ‖W‖) is measured while the original is at hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import bitsandbytes as bnb
import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.core_model_loading import ConversionOps
from transformers.quantizers import HfQuantizer, register_quantization_config, register_quantizer
from transformers.quantizers.quantizers_utils import get_module_from_name
from transformers.utils.quantization_config import QuantizationConfigMixin

from workbench.plan.settings import BaseSettings
from workbench.train.dense import dense_parameter
from workbench.train.four_bit import make_4bit
from workbench.train.linear import CastingLinear

METHOD_NAME = "adapter_workbench"
DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}


@dataclass(frozen=True, slots=True)
class WeightNorms:
    """Frobenius norm of an original weight, and of its storage error relative to it."""

    weight_norm: float
    quant_error: float


@register_quantization_config(METHOD_NAME)
class PlanQuantConfig(QuantizationConfigMixin):
    """Carries the base settings by full site name; lives only while a model is loaded."""

    def __init__(
        self, sites: Mapping[str, BaseSettings] | None = None, compute_dtype: torch.dtype = torch.float32, **_: Any
    ) -> None:
        self.quant_method = METHOD_NAME
        self.sites = dict(sites or {})
        self.compute_dtype = compute_dtype
        self.norms: dict[str, WeightNorms] = {}

    def to_dict(self) -> dict[str, Any]:
        return {"quant_method": self.quant_method}


class StoreOp(ConversionOps):
    """Turns one original weight into the storage of its site and notes the error."""

    def __init__(self, config: PlanQuantConfig) -> None:
        self._config = config

    def convert(self, input_dict: dict[str, Any], model: nn.Module | None = None, **_: Any) -> dict[str, Any]:
        stored = {}
        for name, value in input_dict.items():
            original = (value[0] if isinstance(value, list) else value).float()
            module, _attribute = get_module_from_name(model, name)
            weight = self._stored(module, original)
            self._config.norms[name.removesuffix(".weight")] = _norms(original, weight)
            stored[name] = weight
            module._is_hf_initialized = True
        return stored

    def _stored(self, module: Any, original: torch.Tensor) -> nn.Parameter:
        if isinstance(module, bnb.nn.Linear4bit):
            weight = bnb.nn.Params4bit(original, requires_grad=False, **module.weight.__dict__).to(original.device)
            # What backward dequantizes to; the layer would otherwise work in the dtype it was quantized from.
            weight.quant_state.dtype = self._config.compute_dtype
            return weight
        if isinstance(module, bnb.nn.Linear8bitLt):
            return bnb.nn.Int8Params(original.cpu(), requires_grad=False, has_fp16_weights=False).to(original.device)
        return nn.Parameter(original.to(module.weight.dtype), requires_grad=False)


def _norms(original: torch.Tensor, weight: torch.Tensor) -> WeightNorms:
    norm = original.norm().item()
    error = (original - dense_parameter(weight)).norm().item()
    return WeightNorms(norm, error / norm if norm else 0.0)


@register_quantizer(METHOD_NAME)
class PlanQuantizer(HfQuantizer):
    """Puts the layer that each site's base format needs in the place of its `nn.Linear`."""

    requires_calibration = False
    quantization_config: PlanQuantConfig

    def _process_model_before_weight_loading(self, model: PreTrainedModel, **_: Any) -> None:
        for name, settings in self.quantization_config.sites.items():
            model.set_submodule(name, self._layer(model.get_submodule(name), settings))
        # Read originals without rounding them to the compute dtype first.
        kept = getattr(model, "_keep_in_fp32_modules_strict", None) or ()
        model._keep_in_fp32_modules_strict = {*kept, *self.quantization_config.sites}

    def _layer(self, linear: nn.Linear, settings: BaseSettings) -> nn.Linear:
        with torch.device("meta"):
            layer = self._empty_layer(linear, settings)
        layer.source_cls = type(linear)
        return layer.requires_grad_(False)

    def _empty_layer(self, linear: nn.Linear, settings: BaseSettings) -> Any:
        shape = (linear.in_features, linear.out_features, linear.bias is not None)
        if settings.format == "int8":
            return bnb.nn.Linear8bitLt(*shape, has_fp16_weights=False, threshold=settings.threshold or 0.0)
        if settings.blocksize is None:
            return CastingLinear(*shape, dtype=DTYPES[settings.format])
        return make_4bit(
            *shape,
            blocksize=settings.blocksize,
            compute_dtype=self.quantization_config.compute_dtype,
            compress_statistics=bool(settings.double_quant),
            quant_type=settings.format,
        )

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
