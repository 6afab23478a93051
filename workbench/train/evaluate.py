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

from workbench.data.example import ASSISTANT, Example
from workbench.data.tokens import TokenizedExample
from workbench.train.batches import Batch, collate, pad_id_of
from workbench.train.forward import predict
from workbench.train.stop import StopFlag, StopRequestedError

HIGHER_IS_BETTER = {
    **{"loss": False, "token_accuracy": True, "exact_match": True, "kept": True},
    **{"choice_accuracy": True, "choice_accuracy_raw": True},
}


@dataclass(frozen=True, slots=True)
class Score:
    """What was measured on one example. `loss` is the sum in nats over `targets` tokens, `right` of them right.

    `whole` tells that no token was cut off: only then can an answer be right to the end.
    """

    index: int
    loss: float
    targets: int
    right: int
    output: tuple[int, ...]
    whole: bool = True

    @property
    def exact(self) -> bool:
        return self.whole and self.right == self.targets


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The value of one evaluator over `n` tokens (loss, token accuracy), examples (exact match) or questions.

    `interval` holds it at 95 %, for the examples as drawn at random. After a slash, `evaluator` names a part of them.
    """

    evaluator: str
    value: float
    n: int
    interval: tuple[float, float] | None = None

    @property
    def higher_is_better(self) -> bool:
        return HIGHER_IS_BETTER[self.evaluator.partition("/")[0]]


@torch.no_grad()
def score_examples(
    model: nn.Module,
    examples: Sequence[TokenizedExample],
    tokenizer: PreTrainedTokenizerBase,
    batch_size: int,
    stop: StopFlag | None = None,
) -> list[Score]:
    """Scores of all examples in their order. The model is put into eval mode and back.

    Raises StopRequestedError between two batches once a stop is asked for.
    """
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    # Similar lengths together: less padding, and the sums do not depend on it.
    order = sorted(range(len(examples)), key=lambda i: len(examples[i].ids))
    scores: dict[int, Score] = {}
    for start in range(0, len(order), batch_size):
        if stop and stop.requested:
            model.train(was_training)
            raise StopRequestedError
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
        output = tuple(chosen[own].tolist())
        scores.append(Score(example.index, loss, count, hits, output, not example.truncated))
    return scores


def summarize(scores: Sequence[Score], evaluators: Sequence[str]) -> list[Evaluation]:
    """The values of those of the named evaluators that are taken on examples, in the order named."""
    targets = sum(score.targets for score in scores)
    values = {
        "loss": Evaluation("loss", sum(score.loss for score in scores) / targets, targets),
        "token_accuracy": Evaluation("token_accuracy", sum(score.right for score in scores) / targets, targets),
        "exact_match": Evaluation("exact_match", sum(score.exact for score in scores) / len(scores), len(scores)),
    }
    return [values[name] for name in evaluators if name in values]


def write_predictions(
    path: Path,
    step: int,
    scores: Sequence[Score],
    tokens: Sequence[TokenizedExample],
    examples: Sequence[Example],
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    """Appends one line per example. `output` is the most probable token at every target position, decoded.

    `scores` and `tokens` belong together, one by one; `examples` are all of the part. Of a conversation, the prompt is
    all before the last answer, and target and output have all answers, line by line.
    """
    with path.open("a", encoding="utf-8") as file:
        for score, tokenized in zip(scores, tokens, strict=True):
            prompt, target = _texts(examples[score.index], tokenized, tokenizer)
            row: dict[str, Any] = {
                "step": step,
                "index": score.index,
                "prompt": prompt,
                "target": target,
                "output": _output(score, tokenized, tokenizer),
                "correct": score.exact,
                "loss": score.loss / score.targets,
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _texts(example: Example, tokenized: TokenizedExample, tokenizer: PreTrainedTokenizerBase) -> tuple[str, str]:
    """(prompt, target) of an example."""
    if not example.messages:
        return example.prompt, example.completion
    last = max(start for start, _, target in tokenized.runs() if target)
    answers = (message.content for message in example.messages if message.role == ASSISTANT)
    return tokenizer.decode(list(tokenized.ids[:last])), "\n".join(answers)


def _output(score: Score, tokenized: TokenizedExample, tokenizer: PreTrainedTokenizerBase) -> str:
    """What the model says at the targets: one line per stretch of them."""
    said = iter(score.output)
    lengths = [end - start for start, end, target in tokenized.runs() if target]
    lines = [[next(said) for _ in range(length)] for length in lengths]
    return "\n".join(tokenizer.decode(line, skip_special_tokens=True) for line in lines)
