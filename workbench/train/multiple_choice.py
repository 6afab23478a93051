"""Multiple choice: the choice that a model finds most likely after the prompt, by the mean over the choice's tokens."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn
from transformers import PreTrainedTokenizerBase

from workbench.data.ask import Asked
from workbench.run.recipe import CHOICE_ACCURACY
from workbench.study.wilson import wilson
from workbench.train.evaluate import Evaluation, Score, score_examples
from workbench.train.stop import StopFlag

RAW = f"{CHOICE_ACCURACY}_raw"


@dataclass(frozen=True, slots=True)
class ChoiceScore:
    """What was measured on one question: of every choice the log-likelihood in nats, and over how many tokens."""

    asked: Asked
    sums: tuple[float, ...]
    tokens: tuple[int, ...]

    @property
    def means(self) -> tuple[float, ...]:
        """Log-likelihoods per token of the choice."""
        return tuple(total / count for total, count in zip(self.sums, self.tokens, strict=True))

    @property
    def chosen(self) -> int | None:
        """The choice of the greatest mean."""
        return _greatest(self.means)

    @property
    def right(self) -> bool:
        return self.chosen == self.asked.question.answer

    @property
    def right_raw(self) -> bool:
        """Whether the right choice has the greatest sum, which favours short ones."""
        return _greatest(self.sums) == self.asked.question.answer


def score_choices(
    model: nn.Module,
    asked: Sequence[Asked],
    tokenizer: PreTrainedTokenizerBase,
    batch_size: int,
    stop: StopFlag | None = None,
) -> list[ChoiceScore]:
    """Scores of all questions in their order; `batch_size` counts choices. Raises StopRequestedError as asked to."""
    if not asked:
        return []
    choices = (choice for one in asked for choice in one.choices)
    examples = [replace(choice, index=at) for at, choice in enumerate(choices)]
    scores = iter(score_examples(model, examples, tokenizer, batch_size, stop))
    return [_score(one, [next(scores) for _ in one.choices]) for one in asked]


def _score(asked: Asked, scores: Sequence[Score]) -> ChoiceScore:
    return ChoiceScore(asked, tuple(-score.loss for score in scores), tuple(score.targets for score in scores))


def _greatest(values: Sequence[float]) -> int | None:
    """The first of the greatest; None where one is no number, since nothing was chosen then."""
    if not all(map(math.isfinite, values)):
        return None
    return max(range(len(values)), key=values.__getitem__)


def summarize_choices(scores: Sequence[ChoiceScore]) -> list[Evaluation]:
    """Accuracy over all questions by means and by sums, then by means per subject, each with its Wilson interval."""
    if not scores:
        return []
    whole = [_share(CHOICE_ACCURACY, [s.right for s in scores]), _share(RAW, [s.right_raw for s in scores])]
    subjects = sorted({score.asked.question.subject for score in scores} - {""})
    return [*whole, *(_share(f"{CHOICE_ACCURACY}/{name}", _right_in(scores, name)) for name in subjects)]


def _right_in(scores: Iterable[ChoiceScore], subject: str) -> list[bool]:
    return [score.right for score in scores if score.asked.question.subject == subject]


def _share(name: str, right: Sequence[bool]) -> Evaluation:
    hits, n = sum(right), len(right)
    return Evaluation(name, hits / n, n, wilson(hits, n))


def write_choice_predictions(path: Path, step: int, scores: Sequence[ChoiceScore]) -> None:
    """Appends one line per question, marked by its evaluator, beside the lines of the evaluation examples.

    `log_likelihoods` are sums in nats over the `tokens` of each choice; `loss` is the right one's, per token.
    """
    with path.open("a", encoding="utf-8") as file:
        for index, score in enumerate(scores):
            file.write(json.dumps(_row(step, index, score), ensure_ascii=False) + "\n")


def _row(step: int, index: int, score: ChoiceScore) -> dict[str, Any]:
    asked, question, chosen = score.asked, score.asked.question, score.chosen
    return {
        "step": step,
        "evaluator": CHOICE_ACCURACY,
        "index": index,
        "subject": question.subject,
        "prompt": asked.prompt,
        "target": asked.answers[question.answer],
        "output": "" if chosen is None else asked.answers[chosen],
        "correct": score.right,
        "correct_raw": score.right_raw,
        "loss": -score.means[question.answer],
        "answers": list(asked.answers),
        "log_likelihoods": list(score.sums),
        "tokens": list(score.tokens),
    }
