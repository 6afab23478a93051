"""Dropout whose mask depends on (seed, site, step, micro-step) and on nothing else."""

import torch
from torch import nn

from workbench.randomness import derive_seed


class DrawClock:
    """Tells every dropout layer of a model which step is being computed; set by the training loop."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.step = 0
        self.micro_step = 0


class SiteDropout(nn.Module):
    """Inverted dropout with its own generator, re-seeded for every forward pass.

    A recomputed forward (gradient checkpointing) therefore draws the very same mask, and adding or removing
    another site's adapter changes nothing here.
    """

    def __init__(self, p: float, site: str, clock: DrawClock) -> None:
        super().__init__()
        self.p, self.site, self._clock = p, site, clock

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        generator = torch.Generator(x.device)
        clock = self._clock
        generator.manual_seed(derive_seed(clock.seed, "dropout", self.site, clock.step, clock.micro_step))
        keep = torch.empty_like(x).bernoulli_(1 - self.p, generator=generator)
        return x * keep / (1 - self.p)
