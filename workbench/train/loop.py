"""The training loop of one run: steps, metrics, evaluation in between."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import nn

from workbench.data.tokens import TokenizedExample
from workbench.run.recipe import Recipe
from workbench.train.backprop import Backprop
from workbench.train.batches import Batch, collate, training_order
from workbench.train.dropout import DrawClock
from workbench.train.forward import predict
from workbench.train.memory import used_bytes
from workbench.train.mezo import Mezo
from workbench.train.step_rule import StepRule
from workbench.train.stop import StopFlag


@dataclass(frozen=True, slots=True)
class StepMetrics:
    """One optimizer step. Loss: nats per target token over the effective batch; `grad_norm` before clipping.

    With MeZO the loss is the mean of both forward passes, and `grad_norm` the size of the projected gradient.
    """

    loss: float
    lr: float
    grad_norm: float
    tokens: int
    tokens_per_s: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far training has come: `seconds` of steps alone, and the last step that was evaluated (0: none)."""

    step: int = 0
    seconds: float = 0.0
    evaluated: int = 0


@dataclass(frozen=True, slots=True)
class LoopResult:
    """Where the loop ended, and the mean gradient norm by site."""

    at: Progress
    stopped: bool
    grad_norms: dict[str, float]

    @property
    def step(self) -> int:
        return self.at.step


@dataclass(frozen=True, slots=True)
class LoopHooks:
    """What the loop tells others: every step's metrics, when an evaluation or a checkpoint is due, and warnings.

    An evaluation answers whether it was done; it is given up once a stop is asked for.
    """

    on_step: Callable[[int, StepMetrics], None]
    on_evaluation_due: Callable[[int], bool]
    warn: Callable[[str], None]
    on_checkpoint_due: Callable[[Progress], None] = lambda at: None


class Trainer:
    """Holds what the steps of one run share."""

    def __init__(
        self, model: nn.Module, clock: DrawClock, recipe: Recipe, pad_id: int, warn: Callable[[str], None]
    ) -> None:
        self.model, self.clock, self.recipe, self.pad_id = model, clock, recipe, pad_id
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.device = self.parameters[0].device
        self.rule = _step_rule(model, clock, recipe, warn)

    def step(self, number: int, examples: Sequence[TokenizedExample]) -> StepMetrics:
        """One optimizer step over an effective batch. Raises RunFailure (nan) before the parameters are touched."""
        began = time.monotonic()
        batches = [collate(part, self.pad_id, self.device) for part in _chunks(examples, self.recipe.batch)]
        done = self.rule.step(number, lambda: self._losses(number, batches))
        tokens, seconds = sum(batch.tokens for batch in batches), time.monotonic() - began
        return StepMetrics(done.loss, done.lr, done.grad_norm, tokens, tokens / seconds, used_bytes(self.device))

    def _losses(self, number: int, batches: Sequence[Batch]) -> Iterator[torch.Tensor]:
        # Dividing by the targets of the whole effective batch makes the split into micro-batches irrelevant.
        targets = sum(batch.targets for batch in batches)
        for micro_step, batch in enumerate(batches):
            self.clock.step, self.clock.micro_step = number, micro_step
            yield predict(self.model, batch).loss_sum() / targets


def _step_rule(model: nn.Module, clock: DrawClock, recipe: Recipe, warn: Callable[[str], None]) -> StepRule:
    return Mezo(model, recipe, clock.seed, warn) if recipe.optimizer == "mezo" else Backprop(model, recipe, warn)


def run_loop(
    trainer: Trainer,
    examples: Sequence[TokenizedExample],
    seed: int,
    hooks: LoopHooks,
    stop: StopFlag,
    start: Progress = Progress(),
) -> LoopResult:
    """Goes on from `start` to `recipe.steps`, or less far when a stop is requested.

    The step under way is always finished. An evaluation comes before a checkpoint after the same step, and one that a
    stop cut short before anything else.
    """
    recipe, at = trainer.recipe, start
    total = recipe.steps or 0
    order = training_order([example.index for example in examples], seed, start.step * recipe.effective_batch)
    trainer.model.train()
    at = _evaluated(recipe, at, hooks, stop)
    while at.step < total and not stop.requested:
        began = time.monotonic()
        metrics = trainer.step(at.step + 1, [examples[i] for i in islice(order, recipe.effective_batch)])
        at = replace(at, step=at.step + 1, seconds=at.seconds + time.monotonic() - began)
        hooks.on_step(at.step, metrics)
        at = _evaluated(recipe, at, hooks, stop)
        if _is_due(recipe.checkpoint_every, at.step) and not stop.requested:
            hooks.on_checkpoint_due(at)
    return LoopResult(at, at.step < total, trainer.rule.site_grad_norms())


def _evaluated(recipe: Recipe, at: Progress, hooks: LoopHooks, stop: StopFlag) -> Progress:
    """After the evaluation that is due, if one is; the one after the last step is not the loop's."""
    due = _is_due(recipe.eval_every, at.step) and at.evaluated < at.step < (recipe.steps or 0)
    if due and not stop.requested and hooks.on_evaluation_due(at.step):
        return replace(at, evaluated=at.step)
    return at


def _is_due(every: int, step: int) -> bool:
    return bool(every and step and step % every == 0)


def _chunks(examples: Sequence[TokenizedExample], size: int) -> Iterator[Sequence[TokenizedExample]]:
    for start in range(0, len(examples), size):
        yield examples[start : start + size]
