"""What merging does to a run: evaluation before and after, and how much of the adapter is left, for several targets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import PeftModel
from torch import nn

from workbench.data.ask import ask
from workbench.data.load import load_data
from workbench.data.tokenize import tokenize
from workbench.errors import InvalidError
from workbench.plan.merge_target import Target, check_target
from workbench.run.layout import RunDir
from workbench.run.recipe import recipe_from_dict
from workbench.run.record import RunRecord
from workbench.train.base import pick_compute_dtype, pick_device
from workbench.train.evaluate import Evaluation, score_examples, summarize
from workbench.train.merge import Kept, total
from workbench.train.merged_folder import Source
from workbench.train.merged_model import merged
from workbench.train.multiple_choice import score_choices, summarize_choices
from workbench.train.open_run import open_run
from workbench.train.originals import OriginalWeights
from workbench.train.tokenizer import load_tokenizer

REPORTED = (Target("int4"), Target("nf4"), Target("bf16"), Target("bf16", "original"))
Evaluate = Callable[[nn.Module], list[Evaluation]]


@dataclass(frozen=True, slots=True)
class TargetReport:
    """One target: the evaluation of the merged model, and what each adapted site kept.

    `impossible` says why nothing could be merged.
    """

    target: Target
    evaluations: tuple[Evaluation, ...] = ()
    kept: dict[str, Kept] | None = None
    impossible: str | None = None

    @property
    def total(self) -> Kept:
        return total((self.kept or {}).values())


@dataclass(frozen=True, slots=True)
class MergeReport:
    """The evaluation of adapters on their base, and of every target."""

    before: tuple[Evaluation, ...]
    targets: tuple[TargetReport, ...]


def report_merging(run_dir: RunDir, source: Source, targets: Sequence[Target] = REPORTED) -> MergeReport:
    """Loads a finished run and evaluates it as it is and merged into every target, by the recipe's evaluators.

    Raises what loading a run raises, and InvalidError where the recipe's data has changed since.
    """
    device = pick_device()
    opened = open_run(run_dir, device, source.model)
    dtype = pick_compute_dtype(recipe_from_dict(opened.record.recipe).compute_dtype, device)
    evaluate = evaluator_of(opened.record, source.model)
    before = tuple(evaluate(opened.model))
    originals = OriginalWeights(source.model, source.family)
    reports = [measure(opened.model, opened.record, originals, target, dtype, evaluate) for target in targets]
    return MergeReport(before, tuple(reports))


def measure(
    model: PeftModel,
    record: RunRecord,
    originals: OriginalWeights,
    target: Target,
    dtype: torch.dtype,
    evaluate: Evaluate,
) -> TargetReport:
    """The report of one target; one that does not fit a layer is reported as impossible.

    The model is as it was afterwards.
    """
    try:
        check_target(record.sites, target)
    except InvalidError as error:
        return TargetReport(target, impossible=error.title)
    with merged(model, record, originals, target, dtype) as kept:
        return TargetReport(target, tuple(evaluate(model)), dict(kept))


def evaluator_of(record: RunRecord, model: Path) -> Evaluate:
    """Evaluates a model by the recipe of a run. Raises InvalidError where its data has changed since."""
    recipe = recipe_from_dict(record.recipe)
    data = load_data(recipe)
    if data.hash != record.data_hash:
        raise InvalidError("the data files changed since this run", "restore them, or run again")
    tokenizer = load_tokenizer(str(model))
    tokens = tokenize(data.evaluation, tokenizer, recipe.max_length, "evaluation")
    asked = ask(data.questions, tokenizer, recipe)

    def evaluate(model: nn.Module) -> list[Evaluation]:
        scores = score_examples(model, tokens.examples, tokenizer, recipe.batch)
        questions = score_choices(model, asked, tokenizer, recipe.batch)
        return [*summarize(scores, recipe.evaluators), *summarize_choices(questions)]

    return evaluate
