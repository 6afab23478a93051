"""Steps from forward passes alone: MeZO (Malladi et al. 2023, arXiv:2305.17333, algorithm 1)."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from workbench.randomness import derive_seed
from workbench.run.recipe import Recipe
from workbench.train.failure import RunFailure
from workbench.train.optimizer import learning_rates
from workbench.train.step_rule import Losses, Stepped


class Mezo:
    """θ ← θ − lr·(g·z + weight_decay·θ), with z ~ N(0, 1) and g = (L(θ + εz) − L(θ − εz)) / 2ε.

    g is the slope along z, so g·z is the gradient in expectation over z. It takes two forward passes over the same
    batch with the same dropout masks, no graph and no states. z is not kept but drawn again from its seed.

    There is no full gradient to clip: `clip` bounds |g|, and the gradient norm of a step is |g| before that. The mean
    of g² over z is the squared gradient norm, so both are of the size that backpropagation reports.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, seed: int, warn: Callable[[str], None]) -> None:
        self._parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._epsilon, self._weight_decay = recipe.mezo_epsilon, recipe.weight_decay
        self._clip = recipe.clip or math.inf
        self._learning_rate = learning_rates(recipe)
        self._seed = seed
        if recipe.gradient_checkpointing:
            warn("gradient_checkpointing has nothing to save with mezo, which keeps no activations: it changes nothing")

    @torch.no_grad()
    def step(self, number: int, losses: Losses) -> Stepped:
        plus = self._loss_aside(number, self._epsilon, losses)
        minus = self._loss_aside(number, -self._epsilon, losses)
        if not (math.isfinite(plus) and math.isfinite(minus)):
            raise RunFailure("nan", f"step {number}: the loss is {plus} at θ + εz and {minus} at θ − εz")
        slope = (plus - minus) / (2 * self._epsilon)
        lr = self._learning_rate(number)
        self._update(number, lr, max(-self._clip, min(self._clip, slope)))
        return Stepped((plus + minus) / 2, lr, abs(slope))

    def site_grad_norms(self) -> dict[str, float]:
        """None: one slope over all parameters says nothing about a site."""
        return {}

    def state(self) -> dict[str, Any]:
        """Empty: direction and learning rate follow from the step's number."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Nothing to load."""

    def _loss_aside(self, step: int, distance: float, losses: Losses) -> float:
        """The loss at θ + distance·z."""
        with self._aside(step, distance):
            return sum(part.item() for part in losses())

    @contextmanager
    def _aside(self, step: int, distance: float) -> Iterator[None]:
        """Moves θ by distance·z, and puts back the very bits that were there.

        The paper's +εz, −2εz, +εz keeps no copy, but every one of these sums rounds: θ would come back changed in its
        last bits, step after step, and not by the update. Adapters are small, so a copy costs little.
        """
        before = [p.clone() for p in self._parameters.values()]
        try:
            for name, parameter in self._parameters.items():
                parameter.add_(self._direction(step, name), alpha=distance)
            yield
        finally:
            for parameter, kept in zip(self._parameters.values(), before, strict=True):
                parameter.copy_(kept)

    def _update(self, step: int, lr: float, slope: float) -> None:
        for name, parameter in self._parameters.items():
            parameter.mul_(1 - lr * self._weight_decay).add_(self._direction(step, name), alpha=-lr * slope)

    def _direction(self, step: int, name: str) -> torch.Tensor:
        """z of one parameter in its shape: drawn on the CPU, so every device sees the same."""
        parameter = self._parameters[name]
        generator = torch.Generator().manual_seed(derive_seed(self._seed, "mezo", name, step))
        return torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype).to(parameter.device)
