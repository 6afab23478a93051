"""Steps by backpropagation and an optimizer with states."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from workbench.run.recipe import Recipe
from workbench.train.failure import RunFailure
from workbench.train.optimizer import make_optimizer, make_schedule
from workbench.train.site_stats import GradNormMeter
from workbench.train.step_rule import Losses, Stepped


class Backprop:
    """Gradients summed over the micro-batches, clipped by their global norm, and given to the recipe's optimizer."""

    def __init__(self, model: nn.Module, recipe: Recipe, warn: Callable[[str], None]) -> None:
        self._parameters = [p for p in model.parameters() if p.requires_grad]
        self._clip = recipe.clip or math.inf
        self._optimizer = make_optimizer(self._parameters, recipe, self._parameters[0].device, warn)
        self._schedule = make_schedule(self._optimizer, recipe)
        self._meter = GradNormMeter(model)

    def step(self, number: int, losses: Losses) -> Stepped:
        loss = 0.0
        for part in losses():
            part.backward()
            loss += part.item()
        self._meter.sample(number)
        norm = float(torch.nn.utils.clip_grad_norm_(self._parameters, self._clip))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise RunFailure("nan", f"step {number}: the loss is {loss} and the gradient norm {norm}")
        lr = float(self._schedule.get_last_lr()[0])
        self._optimizer.step()
        self._schedule.step()
        self._optimizer.zero_grad(set_to_none=True)
        return Stepped(loss, lr, norm)

    def site_grad_norms(self) -> dict[str, float]:
        return self._meter.means()

    def state(self) -> dict[str, Any]:
        return {
            "optimizer": _on_cpu(self._optimizer.state_dict()),
            "schedule": self._schedule.state_dict(),
            "meter": self._meter.state(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self._meter.load_state(state["meter"])


def _on_cpu(value: Any) -> Any:
    """The same with every tensor plain and on the CPU: bitsandbytes marks paged ones with attributes of its own."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu()
    if isinstance(value, dict):
        return {key: _on_cpu(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_on_cpu(item) for item in value)
    return value
