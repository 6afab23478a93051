"""Dropout whose mask depends on (seed, site, step, micro-step) and on nothing else."""

import math
from collections.abc import Sequence

import torch
from torch import nn

from workbench.randomness import derive_seed

_LEVELS = 65536


class DrawClock:
    """Tells every dropout layer of a model which step is being computed; set by the training loop."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.step = 0
        self.micro_step = 0


class SiteDropout(nn.Module):
    """Inverted dropout with its own generator, re-seeded for every forward pass.

    A recomputed forward (gradient checkpointing) therefore draws the very same mask, and adding or removing
    another site's adapter changes nothing here. A value costs 16 random bits: `p` is met to the nearest 1/65536, and
    `gain` makes up for what is really dropped, so the expectation is exact.
    """

    def __init__(self, p: float, site: str, clock: DrawClock) -> None:
        super().__init__()
        self.p, self.site, self._clock = p, site, clock
        self._drops = min(round(p * _LEVELS), _LEVELS - 1)
        self.gain = _LEVELS / (_LEVELS - self._drops)

    def draw(self, shape: Sequence[int], device: torch.device) -> torch.Tensor:
        """The mask of this step: True where a value is dropped."""
        generator, clock, count = torch.Generator(device), self._clock, math.prod(shape)
        generator.manual_seed(derive_seed(clock.seed, "dropout", self.site, clock.step, clock.micro_step))
        # Four draws from each random 64 bits: drawing values one by one takes six times as long on the CPU.
        words = torch.empty(-(-count // 4), dtype=torch.int64, device=device)
        words.random_(-(2**63), None, generator=generator)
        return (words.view(torch.int16)[:count] < self._drops - _LEVELS // 2).view(*shape)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.masked_fill(self.draw(x.shape, x.device), 0.0) * self.gain if self.training else x
