"""Steps of a run in this process, on the first examples of the demo."""

from collections.abc import Callable

import torch

from tests.train.support import BASE, demo_examples, load, make_record
from workbench.data.tokenize import tokenize
from workbench.data.tokens import TokenizedExample
from workbench.run.recipe import Recipe
from workbench.run.record import SiteRecord
from workbench.train.adapters import build_adapters
from workbench.train.batches import pad_id_of
from workbench.train.checkpointing import enable_checkpointing
from workbench.train.loop import LoopHooks, LoopResult, StepMetrics, Trainer, run_loop
from workbench.train.stop import StopFlag
from workbench.train.tokenizer import load_tokenizer

TOKENIZER = load_tokenizer(BASE)
EXAMPLES: tuple[TokenizedExample, ...] = tokenize(demo_examples("train")[:64], TOKENIZER, 48, "training").examples
Steps = list[StepMetrics]


def make_trainer(
    sites: tuple[SiteRecord, ...], recipe: Recipe, seed: int = 1, warn: Callable[[str], None] = lambda message: None
) -> Trainer:
    """A trainer over the demo base with these sites."""
    record = make_record(sites, recipe, seed)
    model, clock = build_adapters(load(record).model, record)
    if recipe.gradient_checkpointing:
        enable_checkpointing(model, record)
    return Trainer(model, clock, recipe, pad_id_of(TOKENIZER), warn)


def run_steps(
    trainer: Trainer,
    on_step: Callable[[int, StepMetrics], None] | None = None,
    stop: StopFlag | None = None,
    examples: tuple[TokenizedExample, ...] = EXAMPLES,
) -> tuple[LoopResult, Steps]:
    """The whole loop, with every step's metrics."""
    steps: Steps = []

    def collect(number: int, metrics: StepMetrics) -> None:
        steps.append(metrics)
        if on_step:
            on_step(number, metrics)

    hooks = LoopHooks(collect, lambda step: True, lambda message: None)
    return run_loop(trainer, examples, 1, hooks, stop or StopFlag()), steps


def adapter_of(trainer: Trainer) -> list[torch.Tensor]:
    """A copy of the trainable parameters."""
    return [p.detach().clone() for p in trainer.parameters]
