"""How one step changes the parameters: what the training loop asks of backpropagation and of MeZO alike."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch

# One forward pass per micro-batch and call: each yields its share of the loss (a scalar), and the shares add up to nats
# per target token over the effective batch. Every call draws the dropout masks of the same step, so they are alike.
Losses = Callable[[], Iterator[torch.Tensor]]


@dataclass(frozen=True, slots=True)
class Stepped:
    """What a step saw: the loss in nats per target token, the learning rate, the gradient norm before clipping."""

    loss: float
    lr: float
    grad_norm: float


class StepRule(Protocol):
    """Changes the parameters by one step at a time."""

    def step(self, number: int, losses: Losses) -> Stepped:
        """Step `number` (from 1). Raises RunFailure (nan) before the parameters are touched."""
        ...

    def site_grad_norms(self) -> dict[str, float]:
        """The mean gradient norm by site; empty where no gradient of a site is known."""
        ...

    def state(self) -> dict[str, Any]:
        """What the steps to come depend on beside the parameters: plain values and tensors on the CPU."""
        ...

    def load_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `state` gave, in a rule for the same parameters and recipe."""
        ...
