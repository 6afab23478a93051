"""EleutherAI's lm-eval on a run's model: its tasks and metrics, on the base in the plan's formats with the adapter.

Needs the extra `lm-eval`; nothing else of the workbench imports it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lm_eval import __version__ as VERSION
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from torch import nn

from workbench.errors import NotFoundError
from workbench.nearest import nearest
from workbench.run.layout import RunDir
from workbench.run.recipe import recipe_from_dict
from workbench.run.record import RunRecord
from workbench.train.base import load_base, pick_compute_dtype, pick_device
from workbench.train.open_run import open_run
from workbench.train.tokenizer import load_tokenizer

__all__ = ["VERSION", "Asking", "TaskResult", "run_lm_eval"]


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked of the harness: tasks by their names, those of the folder `include` among them.

    `limit` bounds the examples of a task (None: all), `fewshot` replaces a task's own number of solved examples.
    """

    tasks: tuple[str, ...]
    include: Path | None = None
    limit: int | None = None
    fewshot: int | None = None
    batch: int = 8


@dataclass(frozen=True, slots=True)
class TaskResult:
    """One metric of one task, over `n` examples (None for a group of tasks), with the harness's standard error."""

    task: str
    metric: str
    value: float
    stderr: float | None
    n: int | None
    higher_is_better: bool | None


def run_lm_eval(run_dir: RunDir, record: RunRecord, model: Path, asking: Asking) -> list[TaskResult]:
    """Loads the run's model and runs the harness on it; of a reference run, that is the base in the plan's formats.

    Raises NotFoundError for a task that the harness does not have, and what loading the run raises.
    """
    tasks = find_tasks(asking)
    wrapped = HFLM(
        pretrained=_opened(run_dir, record, model), tokenizer=load_tokenizer(str(model)), batch_size=asking.batch
    )
    found = simple_evaluate(
        wrapped,
        tasks=list(asking.tasks),
        task_manager=tasks,
        num_fewshot=asking.fewshot,
        limit=asking.limit,
        log_samples=False,
    )
    return list(_results(found))


def find_tasks(asking: Asking) -> TaskManager:
    """The harness's index. Its own thousands of tasks are read when the folder has not all that are asked for.

    Raises NotFoundError with the nearest name.
    """
    include = str(asking.include) if asking.include else None
    own = TaskManager(include_path=include, include_defaults=False)
    if include and not _unknown(own, asking.tasks):
        return own
    every = TaskManager(include_path=include)
    if unknown := _unknown(every, asking.tasks):
        place = f" or in {include}" if include else ""
        hint = nearest(unknown, every.all_tasks) if _close(unknown, every) else "list them: lm-eval ls tasks"
        raise NotFoundError(f"no task '{unknown}' in lm-eval {VERSION}{place}", hint)
    return every


def _unknown(manager: TaskManager, tasks: Sequence[str]) -> str | None:
    return next((task for task in tasks if task not in manager.all_tasks), None)


def _close(task: str, manager: TaskManager) -> bool:
    return nearest(task, manager.all_tasks).startswith("did you mean")


def _opened(run_dir: RunDir, record: RunRecord, model: Path) -> nn.Module:
    device = pick_device()
    if not record.reference:
        return open_run(run_dir, device, model).model
    dtype = pick_compute_dtype(recipe_from_dict(record.recipe).compute_dtype, device)
    return load_base(record, device, dtype).model.eval()


def _results(found: Mapping[str, Any]) -> Iterator[TaskResult]:
    """The harness keeps `metric,filter` beside `metric_stderr,filter`; the filter `none` goes without saying."""
    for task, values in found["results"].items():
        for key, value in values.items():
            metric, comma, name = key.partition(",")
            if not comma or metric.endswith("_stderr") or not isinstance(value, int | float):
                continue
            stderr = values.get(f"{metric}_stderr,{name}")
            yield TaskResult(
                task,
                metric if name == "none" else f"{metric}/{name}",
                float(value),
                float(stderr) if isinstance(stderr, int | float) else None,
                found["n-samples"].get(task, {}).get("effective"),
                found["higher_is_better"].get(task, {}).get(metric),
            )
