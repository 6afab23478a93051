"""Optimizers and schedules of the recipe."""

from collections.abc import Callable, Iterable
from typing import Any

import bitsandbytes as bnb
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from transformers import get_scheduler

from workbench.run.recipe import Recipe

# bitsandbytes pages optimizer state to host memory on CUDA only; elsewhere the plain form is the same optimizer.
_BNB: dict[str, tuple[type[torch.optim.Optimizer], type[torch.optim.Optimizer]]] = {
    "adamw_8bit": (bnb.optim.AdamW8bit, bnb.optim.AdamW8bit),
    "paged_adamw_32bit": (bnb.optim.PagedAdamW32bit, bnb.optim.AdamW32bit),
    "paged_adamw_8bit": (bnb.optim.PagedAdamW8bit, bnb.optim.AdamW8bit),
}


def make_optimizer(
    parameters: Iterable[nn.Parameter], recipe: Recipe, device: torch.device, warn: Callable[[str], None]
) -> torch.optim.Optimizer:
    """AdamW with the betas of QLoRA (0.9, 0.999), in the form that the recipe names."""
    chosen = list(parameters)
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(chosen, lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True)
    paged, plain = _BNB[recipe.optimizer]
    if device.type != "cuda" and paged is not plain:
        warn(f"{recipe.optimizer} pages its state on CUDA only; {plain.__name__} is used here")
    kind: Any = paged if device.type == "cuda" else plain
    optimizer: torch.optim.Optimizer = kind(chosen, lr=recipe.lr, weight_decay=recipe.weight_decay)
    return optimizer


def make_schedule(optimizer: torch.optim.Optimizer, recipe: Recipe) -> torch.optim.lr_scheduler.LRScheduler:
    """The learning-rate schedule; transformers' `constant` ignores warm-up, `constant_with_warmup` does not."""
    return get_scheduler(recipe.schedule, optimizer, recipe.warmup_steps, recipe.steps)


def learning_rates(recipe: Recipe) -> Callable[[int], float]:
    """The learning rate of step n, from 1, where there is no optimizer: the same that `make_schedule` gives to one."""
    schedule = make_schedule(torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=recipe.lr), recipe)
    assert isinstance(schedule, LambdaLR)  # every schedule of a recipe is
    factor = schedule.lr_lambdas[0]
    return lambda step: recipe.lr * factor(step - 1)
