"""The layer that each base format needs, and a weight in the storage of its layer."""

from typing import Any

import bitsandbytes as bnb
import torch
from torch import nn

from workbench.plan.settings import BaseSettings
from workbench.train.four_bit import make_4bit
from workbench.train.group_int4 import GroupCodes, GroupInt4Linear, quantize_groups
from workbench.train.linear import CastingLinear

DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}


def make_layer(
    in_features: int, out_features: int, bias: bool, settings: BaseSettings, compute_dtype: torch.dtype
) -> Any:
    """An empty layer on the current default device."""
    shape = (in_features, out_features, bias)
    if settings.format == "int8":
        return bnb.nn.Linear8bitLt(*shape, has_fp16_weights=False, threshold=settings.threshold or 0.0)
    if settings.blocksize is None:
        return CastingLinear(*shape, dtype=DTYPES[settings.format])
    if settings.format == "int4":
        return GroupInt4Linear(*shape, blocksize=settings.blocksize, compute_dtype=compute_dtype)
    return make_4bit(
        *shape,
        blocksize=settings.blocksize,
        compute_dtype=compute_dtype,
        compress_statistics=bool(settings.double_quant),
        quant_type=settings.format,
    )


def store(layer: nn.Module, weight: torch.Tensor, compute_dtype: torch.dtype) -> nn.Parameter | GroupCodes:
    """An fp32 weight (out, in) in the storage of `layer`, on the weight's device."""
    if isinstance(layer, GroupInt4Linear):
        return quantize_groups(weight, layer.blocksize)
    if isinstance(layer, bnb.nn.Linear4bit):
        stored = bnb.nn.Params4bit(weight, requires_grad=False, **layer.weight.__dict__).to(weight.device)
        # What backward dequantizes to; the layer would otherwise work in the dtype it was quantized from.
        stored.quant_state.dtype = compute_dtype
        return stored
    if isinstance(layer, bnb.nn.Linear8bitLt):
        return bnb.nn.Int8Params(weight.cpu(), requires_grad=False, has_fp16_weights=False).to(weight.device)
    assert isinstance(layer.weight, torch.Tensor)
    return nn.Parameter(weight.to(layer.weight.dtype), requires_grad=False)
