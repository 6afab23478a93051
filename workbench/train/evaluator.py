"""The evaluations of a run: of the model as it is, and merged into the recipe's targets."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from peft import PeftModel
from torch import nn

from workbench.plan.merge_target import read_target
from workbench.plan.model_map import load_map
from workbench.train.evaluate import Evaluation, Score, score_examples, summarize, write_predictions
from workbench.train.inputs import Inputs
from workbench.train.merge import total
from workbench.train.merged_model import merged
from workbench.train.multiple_choice import (
    ChoiceScore,
    score_choices,
    summarize_choices,
    write_choice_predictions,
)
from workbench.train.originals import OriginalWeights
from workbench.train.session import Session
from workbench.train.stop import StopRequestedError


@dataclass(frozen=True, slots=True)
class Scores:
    """Of every evaluation example, and of every question of `choices`."""

    examples: list[Score]
    questions: list[ChoiceScore]

    def evaluations(self, evaluators: Sequence[str]) -> list[Evaluation]:
        """The values of the named evaluators; the questions' last."""
        return [*summarize(self.examples, evaluators), *summarize_choices(self.questions)]


class Evaluator:
    """Runs the recipe's evaluators and writes their events and predictions."""

    def __init__(self, session: Session, inputs: Inputs) -> None:
        self._session, self._inputs = session, inputs

    def run(self, model: nn.Module, step: int) -> bool:
        """False when it was given up because a stop was asked for: then nothing of it is written."""
        session, inputs = self._session, self._inputs
        try:
            scores = self.scores(model)
        except StopRequestedError:
            return False
        path = session.run_dir.predictions(session.attempt)
        tokens, examples = inputs.evaluation.examples, inputs.eval_examples
        write_predictions(path, step, scores.examples, tokens, examples, inputs.tokenizer)
        write_choice_predictions(path, step, scores.questions)
        for result in scores.evaluations(session.recipe.evaluators):
            session.log_evaluation(step, result, result.evaluator)
        return True

    def scores(self, model: nn.Module) -> Scores:
        """Every example's and question's. Raises StopRequestedError once a stop is asked for."""
        session, inputs = self._session, self._inputs
        batch, tokenizer, stop = session.recipe.batch, inputs.tokenizer, session.stop
        return Scores(
            score_examples(model, inputs.evaluation.examples, tokenizer, batch, stop),
            score_choices(model, inputs.asked, tokenizer, batch, stop),
        )

    def run_merged(self, model: PeftModel, step: int) -> bool:
        """The evaluators once more for every target of `merge_eval`, and the share that it keeps.

        False when it was given up because a stop was asked for.
        """
        record, recipe = self._session.record, self._session.recipe
        if not recipe.merge_eval:
            return True
        folder = Path(record.model_path)
        originals = OriginalWeights(folder, load_map(str(folder)).family)
        for name in recipe.merge_eval:
            try:
                with merged(model, record, originals, read_target(name), self._session.compute_dtype) as kept:
                    scores = self.scores(model)
            except StopRequestedError:
                return False
            for result in scores.evaluations(recipe.evaluators):
                self._session.log_evaluation(step, result, f"{result.evaluator}@{name}")
            if (share := total(kept.values()).fraction) is not None:
                self._session.log_evaluation(step, Evaluation("kept", share, len(kept)), f"kept@{name}")
        return True
