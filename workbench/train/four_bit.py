"""4-bit layers of bitsandbytes with its two faults on the CPU kept out.

1. On CPUs with avx512_bf16 the first forward pass in eval mode re-packs the weight in place, for good: gradients of
   later training steps, dequantizing and merging are then silently wrong.
2. The CPU kernel dequantizes wrongly when `in_features` is not a multiple of the block size: it starts a new block
   with every row, while quantizing lets blocks run on across rows (relative error .26 instead of .09).
Both were seen with bitsandbytes 0.50.2, and a test for each says when they are gone.
"""

import copy
from typing import Any

import bitsandbytes as bnb
import torch
from bitsandbytes.functional import dequantize_4bit
from torch.nn import functional


def keep_unpacked(layer: bnb.nn.Linear4bit) -> None:
    """Switches the re-packing (fault 1) off for this layer."""
    layer.support_avx512bf16_for_cpu = False


def dense_4bit(weight: bnb.nn.Params4bit) -> torch.Tensor:
    """The (out_features, in_features) weight in the dtype of its quant state, dequantized as one long row."""
    state = weight.quant_state
    flat, count = copy.copy(state), state.shape.numel()
    # two to a byte: for an odd count bitsandbytes compiles a function first, which takes up to 20 s
    flat.shape = torch.Size((1, count + count % 2))
    return dequantize_4bit(weight.data, flat).flatten()[:count].reshape(state.shape)


class _DenseProduct(torch.autograd.Function):
    """x·Wᵀ that keeps no dense weight for backward."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: bnb.nn.Params4bit) -> torch.Tensor:
        ctx.weight = weight
        return functional.linear(x, dense_4bit(weight).to(x.dtype))

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, None]:
        (grad,) = grads
        return (grad @ dense_4bit(ctx.weight).to(grad.dtype) if ctx.needs_input_grad[0] else None), None


class RaggedLinear4bit(bnb.nn.Linear4bit):
    """A 4-bit layer whose rows do not end where blocks end; on CUDA it is bitsandbytes' own."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., in_features) to (..., out_features), computed in the layer's compute dtype, in the dtype of `x`."""
        if x.device.type != "cpu":
            return super().forward(x)
        out = _DenseProduct.apply(x.to(self.compute_dtype), self.weight)
        return (out if self.bias is None else out + self.bias.to(out.dtype)).to(x.dtype)


def make_4bit(in_features: int, out_features: int, bias: bool, blocksize: int, **options: Any) -> bnb.nn.Linear4bit:
    """An empty layer of the kind that its shape needs; `options` are those of `Linear4bit`."""
    kind = RaggedLinear4bit if in_features % blocksize else bnb.nn.Linear4bit
    layer = kind(in_features, out_features, bias, **options)
    layer.weight.blocksize = blocksize
    keep_unpacked(layer)
    return layer
