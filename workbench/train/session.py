"""What every part of one attempt needs, and how it tells others."""

from dataclasses import dataclass, replace

import torch

from workbench.run.events import EventLog
from workbench.run.layout import RunDir
from workbench.run.recipe import Recipe, recipe_from_dict
from workbench.run.record import RunRecord, read_record
from workbench.run.terms import Terms, read_terms
from workbench.train.base import pick_compute_dtype, pick_device
from workbench.train.evaluate import Evaluation
from workbench.train.failure import RunFailure, failing_as
from workbench.train.stop import StopFlag


@dataclass(frozen=True, slots=True)
class Session:
    """One attempt at a run. `recipe` is the record's with the changes of the attempt's terms."""

    run_dir: RunDir
    record: RunRecord
    recipe: Recipe
    terms: Terms
    log: EventLog
    stop: StopFlag
    device: torch.device
    compute_dtype: torch.dtype

    @property
    def attempt(self) -> int:
        return self.terms.attempt

    def say(self, text: str) -> None:
        print(text, flush=True)

    def warn(self, message: str) -> None:
        self.log.write("warning", message=message)
        self.say(f"warning: {message}")

    def log_evaluation(self, step: int, result: Evaluation, name: str) -> None:
        self.log.write(
            "eval",
            step=step,
            evaluator=name,
            values={name: result.value},
            n=result.n,
            higher_is_better=result.higher_is_better,
            **({"interval": result.interval} if result.interval else {}),
        )
        self.say(f"eval at step {step}: {name} {result.value:.4f} (n {result.n})")


def open_session(run_dir: RunDir, attempt: int, log: EventLog, stop: StopFlag) -> Session:
    """Reads the record and the terms, and picks the device.

    Raises RunFailure (bad_plan) where the terms would make it another experiment, or the device lacks the dtype.
    """
    record, terms, device = read_record(run_dir.record), read_terms(run_dir, attempt), pick_device()
    recipe = _changed(recipe_from_dict(record.recipe), record, terms)
    with failing_as("bad_plan"):
        compute_dtype = pick_compute_dtype(recipe.compute_dtype, device)
    return Session(run_dir, record, recipe, terms, log, stop, device, compute_dtype)


def _changed(recipe: Recipe, record: RunRecord, terms: Terms) -> Recipe:
    changed = replace(recipe, **terms.changes)
    dropout = any(site.dropout for site in record.sites)
    if changed.identity(dropout) != recipe.identity(dropout):
        changes = ", ".join(f"{key} {value}" for key, value in terms.changes.items())
        kept = "batch and accumulation" if dropout else "batch × accumulation"
        raise RunFailure(
            "bad_plan",
            f"attempt.{terms.attempt}.json: {changes} would make this another experiment",
            f"keep {kept} as the run has it ({recipe.batch} × {recipe.accumulation}), or make a new run",
        )
    return changed
