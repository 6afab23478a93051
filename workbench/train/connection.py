"""The elastic connections of IR-QLoRA (Qin et al. 2024, section 3.3), as a change of A and B.

h = A·x + β1·average(x) and y = B·h + β2·repeat(h), where the average has r values of in/r neighbouring inputs each, and
every value of h is repeated at out/r neighbouring outputs. Both are linear, so the whole is (B + β2·R)·(A + β1·P): a
low-rank update that costs nothing per token, and that plain LoRA can say.
"""

import torch
from torch import nn


class Connection(nn.Module):
    """Holds β1 and β2, which start at zero."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.zeros(2, dtype=torch.float32, device=device))

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return connected(a, b, self.beta)


def connected(a: torch.Tensor, b: torch.Tensor, beta: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A (r, in) and B (out, r) with the averaging and the repeating matrix added, each times its β."""
    rank, width, height = a.shape[0], a.shape[1] // a.shape[0], b.shape[0] // b.shape[1]
    one = torch.eye(rank, dtype=a.dtype, device=a.device)
    average = one.repeat_interleave(width, 1) / width
    return a + beta[0] * average, b + beta[1] * one.repeat_interleave(height, 0)
