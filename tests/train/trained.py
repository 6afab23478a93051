"""Runs from a plan's rules to their end, in the test's own process."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel

from tests.train.support import DEMO, make_run
from tests.unit.plan.support import plan_text
from workbench.cli.launching import records_of
from workbench.plan.files import check_text
from workbench.plan.plan import Plan
from workbench.run.events import read_events
from workbench.run.layout import Home, RunDir
from workbench.run.predictions import at_step, read_predictions
from workbench.run.recipe import Recipe
from workbench.run.record import RunRecord
from workbench.train import train_run as training
from workbench.train.open_run import OpenRun, open_run
from workbench.train.stop import StopFlag
from workbench.train.tokenizer import load_tokenizer

IDS = torch.arange(4, 44).reshape(2, 20)


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """A finished run, and the model as training left it."""

    record: RunRecord
    run_dir: RunDir
    model: PeftModel
    events: list[dict[str, Any]]

    def only(self, kind: str) -> dict[str, Any]:
        """The one event of that kind."""
        (found,) = (event for event in self.events if event["kind"] == kind)
        return found


def demo_plan(folder: Path, *rules: str, **more: Any) -> Plan:
    """The plan of these rules on the demo base."""
    check = check_text(plan_text(Path("demo"), *rules, **more), Path("plan.yaml"), Home(folder / "home"))
    assert check.plan is not None, check.errors
    return check.plan


def small_recipe(folder: Path, steps: int = 3, **more: Any) -> Recipe:
    """A few steps on the demo's data, with a dozen examples to evaluate on."""
    few = folder / "eval.jsonl"
    few.write_text("".join((DEMO / "data/eval.jsonl").read_text().splitlines(keepends=True)[:12]))
    values: dict[str, Any] = {"batch": 8, "lr": 3e-3, "clip": 1.0, "max_length": 32, **more}
    return Recipe(str(DEMO / "data/train.jsonl"), str(few), steps=steps, **values)


def record_of(folder: Path, plan: Plan, recipe: Recipe, seed: int = 1) -> RunRecord:
    """The run that the command would make."""
    (record,) = records_of(Home(folder / "home"), (plan,), "test", recipe, (seed,))
    return record


def train(folder: Path, plan: Plan, recipe: Recipe, monkeypatch: pytest.MonkeyPatch, seed: int = 1) -> TrainedRun:
    """Makes the run as the command does and trains it here; `monkeypatch` lets the model be kept."""
    record = record_of(folder, plan, recipe, seed)
    kept: list[PeftModel] = []
    build = training.build_adapters

    def building(*arguments: Any) -> Any:
        model, clock = build(*arguments)
        kept.append(model)
        return model, clock

    run_dir, log = make_run(folder / "runs", record)
    with monkeypatch.context() as patch:
        patch.setattr(training, "build_adapters", building)
        training.train_run(run_dir, 1, log, StopFlag())
    log.close()
    return TrainedRun(record, run_dir, kept[0], read_events(run_dir.events))


@torch.no_grad()
def logits(model: torch.nn.Module) -> torch.Tensor:
    out: torch.Tensor = model.eval()(input_ids=IDS).logits
    return out


def final_losses(run_dir: RunDir) -> list[float | None]:
    """The losses of the last evaluation, example by example."""
    return [found.loss for found in at_step(read_predictions(run_dir.predictions(1)))]


def losses_again(run_dir: RunDir) -> Sequence[float]:
    """The same losses from the run as it was saved."""
    from workbench.data.load import load_data
    from workbench.data.tokenize import tokenize
    from workbench.run.recipe import recipe_from_dict
    from workbench.train.evaluate import score_examples

    opened: OpenRun = open_run(run_dir)
    recipe = recipe_from_dict(json.loads(run_dir.record.read_text())["recipe"])
    tokenizer = load_tokenizer(opened.record.model_path)
    examples = tokenize(load_data(recipe).evaluation, tokenizer, recipe.max_length, "evaluation").examples
    scores = score_examples(opened.model, examples, tokenizer, recipe.batch)
    return [score.loss / score.targets for score in scores]
