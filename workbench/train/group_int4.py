"""4-bit integers with a floating zero point per group of inputs: the base that takes group-constant changes exactly.

W = scale·(code − zero), with one fp32 scale and zero point for every `blocksize` neighbouring inputs of an output. A
change that is constant in each group moves the zero points and touches no code (Xu et al. 2023, QA-LoRA, section 3.3).
Scales and zero points stay in fp32 whatever dtype a model is cast to: in bf16 such a change would be off by 8 %.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

LARGEST_CODE = 15
_STRETCH = 2**19  # so many values are unpacked at a time on a processor: what its cache holds is faster there
# A group whose values differ by less than this share of the largest one counts as constant: with a smaller scale the
# zero point would leave the range in which fp32 tells neighbouring integers apart.
_FLAT = 1e-6
_NOTHING = 1e-36  # below it, a scale would be denormal


@dataclass(frozen=True, slots=True, eq=False)
class GroupCodes:
    """A weight (out, in) in groups: `codes` (out·in/2) bytes, `scales` and `zeros` (out, in/blocksize) in fp32.

    With all codes in one row, byte k holds code k in its low half and code k + out·in/2 in its high half: unpacking
    then writes two contiguous stretches.
    """

    codes: torch.Tensor
    scales: torch.Tensor
    zeros: torch.Tensor

    def dense(self) -> torch.Tensor:
        """(out_features, in_features) in fp32."""
        rows, groups = self.scales.shape
        columns = 2 * self.codes.numel() // rows
        stretch = _STRETCH if self.codes.device.type == "cpu" else 2 * self.codes.numel()
        halves = torch.empty((2, self.codes.numel()), dtype=torch.float32, device=self.codes.device)
        for low, high, codes in zip(*(part.split(stretch) for part in (*halves, self.codes)), strict=True):
            low.copy_(codes & LARGEST_CODE)
            high.copy_(codes >> 4)
        parts = (halves.view(rows, groups, -1), self.zeros[..., None], self.scales[..., None])
        some = max(1, stretch // columns)
        for values, zeros, scales in zip(*(part.split(some) for part in parts), strict=True):
            values.sub_(zeros).mul_(scales)
        return halves.view(rows, columns)


def quantize_groups(weight: torch.Tensor, blocksize: int) -> GroupCodes:
    """Rounds a weight (out, in) to 16 even steps between the least and the largest value of each group.

    A constant group is kept as it is. Raises ValueError where `blocksize` does not divide in_features or is odd.
    """
    rows, columns = weight.shape
    if columns % blocksize or blocksize % 2:
        raise ValueError(f"blocksize {blocksize} has to be even and to divide in_features {columns}")
    grouped = weight.float().contiguous().view(rows, columns // blocksize, blocksize)
    low, high = grouped.amin(-1), grouped.amax(-1)
    flat = high - low <= (_FLAT * torch.maximum(low.abs(), high.abs())).clamp_min(_NOTHING)
    # Divided by a tensor: by a number, CUDA multiplies with its reciprocal, and other values would lie on the edges.
    scales = torch.where(flat, 1.0, (high - low) / high.new_full((), LARGEST_CODE))
    zeros = torch.where(flat, -(low / 2 + high / 2), -low / scales)
    steps = ((grouped - low[..., None]) / scales[..., None]).round_().clamp_(0, LARGEST_CODE)
    codes = steps.masked_fill_(flat[..., None], 0.0).to(torch.uint8).view(2, -1)
    return GroupCodes(codes[0] | codes[1] << 4, scales, zeros)


class _Product(torch.autograd.Function):
    """x·Wᵀ + bias that keeps the packed weight for backward, and no dense one. The weight and the bias are frozen."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        codes: torch.Tensor,
        scales: torch.Tensor,
        zeros: torch.Tensor,
        bias: torch.Tensor | None,
    ) -> torch.Tensor:
        ctx.save_for_backward(codes, scales, zeros)
        out = functional.linear(x, GroupCodes(codes, scales, zeros).dense().to(x.dtype))
        return out if bias is None else out.add_(bias.to(x.dtype))

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (grad,) = grads
        dense = GroupCodes(*ctx.saved_tensors).dense() if ctx.needs_input_grad[0] else None
        return (None if dense is None else grad @ dense.to(grad.dtype)), None, None, None, None


class GroupInt4Linear(nn.Module):
    """The frozen linear layer of an int4 site; a new one is empty.

    The packed codes are in `qweight`: peft looks for that name to find the device of a layer.
    """

    qweight: torch.Tensor
    scales: torch.Tensor
    zeros: torch.Tensor

    def __init__(
        self, in_features: int, out_features: int, bias: bool, blocksize: int, compute_dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.blocksize, self.compute_dtype = blocksize, compute_dtype
        self.register_buffer("qweight", torch.empty(out_features * in_features // 2, dtype=torch.uint8))
        for name in ("scales", "zeros"):
            self.register_buffer(name, torch.empty((out_features, in_features // blocksize), dtype=torch.float32))
        values = torch.empty(out_features) if bias else None
        self.bias = None if values is None else nn.Parameter(values, requires_grad=False)

    @property
    def groups(self) -> GroupCodes:
        return GroupCodes(self.qweight, self.scales, self.zeros)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., in_features) to (..., out_features), computed in the layer's compute dtype, in the dtype of `x`."""
        out: torch.Tensor = _Product.apply(x.to(self.compute_dtype), self.qweight, self.scales, self.zeros, self.bias)
        return out.to(x.dtype)

    def move_zero_points(self, delta: torch.Tensor) -> None:
        """Adds delta[a, g] to every weight of output a in group g, in place and without rounding a code.

        `delta` is (out_features, in_features/blocksize): zero' = zero − delta/scale. Raises ValueError for another
        shape.
        """
        if delta.shape != self.zeros.shape:
            raise ValueError(f"one change per group: {tuple(self.zeros.shape)} expected, got {tuple(delta.shape)}")
        self.zeros.sub_(delta.to(self.zeros) / self.scales)

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> "GroupInt4Linear":
        """Moves to other devices, and keeps the dtypes: casting a model would round the zero points."""

        def moved(tensor: torch.Tensor) -> torch.Tensor:
            changed = fn(tensor)
            return changed if changed.dtype == tensor.dtype else tensor.to(changed.device)

        return super()._apply(moved, recurse)

    def extra_repr(self) -> str:
        shape = f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
        return f"{shape}, blocksize={self.blocksize}"
