"""Evaluators: loss, token accuracy and exact match, in one pass, with a prediction per example.

Exact match means that every target token including end-of-text is the most probable one given the right tokens
before it. That is the same as greedy decoding giving exactly the target.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from workbench.run.examples import Example
from workbench.train.batches import Batch, TokenizedExample, collate, pad_id_of
from workbench.train.forward import predict

HIGHER_IS_BETTER = {"loss": False, "token_accuracy": True, "exact_match": True}


@dataclass(frozen=True, slots=True)
class Score:
    """What was measured on one example. `loss` is the sum in nats over `targets` tokens, `right` of them right."""

    index: int
    loss: float
    targets: int
    right: int
    output: tuple[int, ...]

    @property
    def exact(self) -> bool:
        return self.right == self.targets


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The value of one evaluator over `n` tokens (loss, token accuracy) or examples (exact match)."""

    evaluator: str
    value: float
    n: int


@torch.no_grad()
def score_examples(
    model: nn.Module, examples: Sequence[TokenizedExample], tokenizer: PreTrainedTokenizerBase, batch_size: int
) -> list[Score]:
    """Scores of all examples in their order. The model is put into eval mode and back."""
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    # Similar lengths together: less padding, and the sums do not depend on it.
    order = sorted(range(len(examples)), key=lambda i: len(examples[i].ids))
    scores: dict[int, Score] = {}
    for start in range(0, len(order), batch_size):
        members = [examples[i] for i in order[start : start + batch_size]]
        for score in _score_batch(model, members, collate(members, pad_id_of(tokenizer), device)):
            scores[score.index] = score
    model.train(was_training)
    return [scores[example.index] for example in examples]


def _score_batch(model: nn.Module, members: Sequence[TokenizedExample], batch: Batch) -> list[Score]:
    predicted = predict(model, batch)
    losses = nn.functional.cross_entropy(predicted.logits.float(), predicted.labels, reduction="none")
    chosen = predicted.logits.argmax(-1)
    right = chosen == predicted.labels
    scores = []
    for row, example in enumerate(members):
        own = predicted.rows == row
        loss, hits, count = losses[own].sum().item(), int(right[own].sum()), int(own.sum())
        scores.append(Score(example.index, loss, count, hits, tuple(chosen[own].tolist())))
    return scores


def summarize(scores: Sequence[Score], evaluators: Sequence[str]) -> list[Evaluation]:
    """The values of the named evaluators, in the order named."""
    targets = sum(score.targets for score in scores)
    values = {
        "loss": Evaluation("loss", sum(score.loss for score in scores) / targets, targets),
        "token_accuracy": Evaluation("token_accuracy", sum(score.right for score in scores) / targets, targets),
        "exact_match": Evaluation("exact_match", sum(score.exact for score in scores) / len(scores), len(scores)),
    }
    return [values[name] for name in evaluators]


def write_predictions(
    path: Path, step: int, scores: Sequence[Score], examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase
) -> None:
    """Appends one line per example. `output` is the most probable token at every target position, decoded."""
    with path.open("a", encoding="utf-8") as file:
        for score in scores:
            example = examples[score.index]
            row: dict[str, Any] = {
                "step": step,
                "index": score.index,
                "prompt": example.prompt,
                "target": example.completion,
                "output": tokenizer.decode(list(score.output), skip_special_tokens=True),
                "correct": score.exact,
                "loss": score.loss / score.targets,
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
