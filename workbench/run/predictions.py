"""Reads `predictions.<n>.jsonl`: what an attempt answered to every evaluation example, at every evaluation.

Lines of another evaluator, which has examples of its own, name it.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import InvalidError, NotFoundError


@dataclass(frozen=True, slots=True)
class Prediction:
    """One evaluation example at one step. `loss` is in nats per target token, None where it was not a number.

    `output` is the most probable token at every target position, given the right ones before it; of a multiple-choice
    question it is the choice taken. `index` counts the evaluation examples, or the evaluator's own, from 0.
    """

    step: int
    index: int
    prompt: str
    target: str
    output: str
    correct: bool
    loss: float | None


def read_predictions(path: Path, evaluator: str = "") -> list[Prediction]:
    """All rows on the evaluation examples in their order, or those of an evaluator with examples of its own.

    What follows the last newline was cut off with its writer and is left out.

    Raises NotFoundError when there is no such file, InvalidError with the line of a row that is no prediction.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(f"{path}: no such file", "predictions are written with every evaluation") from error
    return list(_rows(path, data[: data.rfind(b"\n") + 1], evaluator))


def steps_of(predictions: Sequence[Prediction]) -> list[int]:
    """The steps at which there was an evaluation, ascending."""
    return sorted({found.step for found in predictions})


def at_step(predictions: Sequence[Prediction], step: int | None = None) -> list[Prediction]:
    """The predictions of one evaluation, by index; `step` None is the last one.

    Raises NotFoundError with the steps that there are.
    """
    steps = steps_of(predictions)
    if not steps or (step is not None and step not in steps):
        wanted = "no evaluation" if step is None else f"no evaluation after step {step}"
        raise NotFoundError(wanted, f"there are predictions of step {', '.join(map(str, steps)) or '(none)'}")
    wanted_step = steps[-1] if step is None else step
    # Of rows with one index the last holds.
    found = {prediction.index: prediction for prediction in predictions if prediction.step == wanted_step}
    return [found[index] for index in sorted(found)]


def _rows(path: Path, data: bytes, evaluator: str) -> Iterator[Prediction]:
    for line, raw in enumerate(data.split(b"\n"), start=1):
        if not raw.strip():
            continue
        try:
            row = json.loads(raw)
            if row.get("evaluator", "") == evaluator:
                yield _prediction(row)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            hint = "run it again with --force: every attempt writes a file of its own"
            raise InvalidError(f"{path}:{line}: not a prediction ({error!r})", hint) from error


def _prediction(row: dict[str, Any]) -> Prediction:
    loss = row.get("loss")
    return Prediction(
        step=int(row["step"]),
        index=int(row["index"]),
        prompt=str(row["prompt"]),
        target=str(row["target"]),
        output=str(row["output"]),
        correct=bool(row["correct"]),
        loss=float(loss) if loss is not None and math.isfinite(loss) else None,
    )
