"""The frozen linear layer of a 16- or 32-bit site: stored in one dtype, used in another."""

import torch
from torch import nn
from torch.nn import functional


class CastingLinear(nn.Linear):
    """A linear layer that casts its input to the dtype of its weight, and the output back.

    A plain `nn.Linear` raises when the compute dtype differs from the weight's.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., in_features) to (..., out_features), both in the dtype of `x`."""
        bias = None if self.bias is None else self.bias.to(self.weight.dtype)
        return functional.linear(x.to(self.weight.dtype), self.weight, bias).to(x.dtype)
