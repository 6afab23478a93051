"""Stored weights as plain tensors for a file, and back: what a packed checkpoint holds of a site.

`weight` holds the codes as bytes; the other parts (scales, zero points, tables) make a weight of them.
"""

from collections.abc import Mapping

import bitsandbytes as bnb
import torch
from torch import nn

from workbench.train.group_int4 import GroupCodes, GroupInt4Linear

Parts = dict[str, torch.Tensor]


def pack(stored: nn.Parameter | GroupCodes) -> Parts:
    """The parts of a weight as `workbench.train.layers.store` gives it; only `weight` for 16 and 32 bits."""
    if isinstance(stored, GroupCodes):
        return {"weight": stored.codes, "scales": stored.scales, "zeros": stored.zeros}
    if isinstance(stored, bnb.nn.Params4bit):
        return {"weight": stored.data, **stored.quant_state.as_dict(packed=True)}
    if isinstance(stored, bnb.nn.Int8Params):
        return {"weight": stored.CB, "SCB": stored.SCB}
    return {"weight": stored.data}


def unpack(
    layer: nn.Module, codes: torch.Tensor, parts: Mapping[str, torch.Tensor], compute_dtype: torch.dtype
) -> nn.Parameter | GroupCodes:
    """The weight again, in the storage of `layer`. `codes` may have gone through another dtype that holds them."""
    device = codes.device
    moved = {name: part.to(device) for name, part in parts.items()}
    if isinstance(layer, GroupInt4Linear):
        return GroupCodes(codes.to(torch.uint8), moved["scales"], moved["zeros"])
    if isinstance(layer, bnb.nn.Linear4bit):
        stats = {f"weight.{name}": part for name, part in moved.items()}
        bytes_ = codes.to(torch.uint8)
        stored = bnb.nn.Params4bit.from_prequantized(bytes_, stats, requires_grad=False, device=device, module=layer)
        stored.quant_state.dtype = compute_dtype
        return stored
    if isinstance(layer, bnb.nn.Linear8bitLt):
        kept = bnb.nn.Int8Params(codes.to(torch.int8), requires_grad=False, has_fp16_weights=False)
        kept.CB, kept.SCB = kept.data, moved["SCB"]
        return kept
    assert isinstance(layer.weight, torch.Tensor)
    return nn.Parameter(codes.to(layer.weight.dtype), requires_grad=False)
