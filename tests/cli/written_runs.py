"""Run directories as the workbench writes them, with predictions, failures and everything else that is shown."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.store.helpers import Metric, finished_run, record, steps, write_run
from workbench.run.events import EventLog
from workbench.run.layout import Home, RunDir

RECIPE = {"steps": 3, "batch": 2, "accumulation": 1, "lr": 0.1}
PREDICTED = {"base": 100, "embeddings": 20, "trainable": 30, "activations": 40, "logits": 5, "context": 5, "total": 200}


@dataclass(frozen=True)
class Row:
    """An answer as a test gives it; prompt and target follow the index unless given."""

    correct: bool
    prompt: str | None = None
    target: str | None = None
    output: str = "out"


def rights(marks: str) -> list[Row]:
    """`+-` is a right answer and a wrong one."""
    return [Row(mark == "+") for mark in marks]


def write_predictions(folder: RunDir, attempt: int, step: int, rows: Sequence[Row]) -> None:
    """Appends an evaluation to the attempt's predictions, as the trainer does."""
    with folder.predictions(attempt).open("a", encoding="utf-8") as file:
        for index, row in enumerate(rows):
            value = {
                "step": step,
                "index": index,
                "prompt": f"prompt {index}" if row.prompt is None else row.prompt,
                "target": f"target {index}" if row.target is None else row.target,
                "output": row.output,
                "correct": row.correct,
                "loss": 0.25 * index,
            }
            file.write(json.dumps(value) + "\n")


def answered_run(home: Home, run_id: str, rows: Sequence[Row], **changes: Any) -> RunDir:
    """A run that finished in its first attempt, with predictions after its last step."""
    folder = finished_run(home, record(run_id, **changes), [Metric("loss", 0.5, False)])
    write_predictions(folder, 1, 3, rows)
    return folder


def failed_run(home: Home, run_id: str, failure_class: str, out: str = "", **fields: Any) -> RunDir:
    """A run whose first attempt failed after two steps; `fields` are those of the event beside the class."""
    folder = write_run(home, record(run_id, recipe=RECIPE, predicted_bytes=PREDICTED))
    log = EventLog(folder.events, run_id, 1)
    log.write("started", device="cpu", steps=3, seed=0)
    steps(log, (1, 2))
    log.write("failed", **{"class": failure_class, "message": "it went wrong", "hint": ""} | fields)
    log.close()
    folder.out(1).write_text(out)
    return folder
