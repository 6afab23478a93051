"""The stored weight of a site as a dense fp32 tensor, whatever its base format."""

import bitsandbytes as bnb
import torch
from torch import nn

from workbench.train.four_bit import dense_4bit
from workbench.train.group_int4 import GroupCodes, GroupInt4Linear


def dense_parameter(weight: torch.Tensor | GroupCodes) -> torch.Tensor:
    """(out_features, in_features) in fp32, of a weight as it was quantized and before its layer was first used."""
    if isinstance(weight, GroupCodes):
        return weight.dense()
    if isinstance(weight, bnb.nn.Params4bit):
        return dense_4bit(weight).float()
    if isinstance(weight, bnb.nn.Int8Params):
        return _dense_8bit(weight.CB, weight.SCB)
    return weight.data.float()


def dense_weight(linear: nn.Module) -> torch.Tensor:
    """(out_features, in_features) in fp32, of a loaded layer."""
    if isinstance(linear, GroupInt4Linear):
        return linear.groups.dense()
    if isinstance(linear, bnb.nn.Linear8bitLt) and linear.weight.CB is None:
        return _dense_8bit(linear.state.CB, linear.state.SCB)  # the first use moves them there
    assert isinstance(linear.weight, torch.Tensor)
    return dense_parameter(linear.weight)


def _dense_8bit(codes: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """Each row's scale is its largest absolute value, which the code 127 stands for."""
    return codes.float() * (scales.float() / 127)[:, None]
