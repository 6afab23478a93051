"""From plans, a recipe and seeds to finished runs and their answers."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType
from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.run.foreground import StopRequest, run_all
from workbench.run.identity import make_record
from workbench.run.layout import Home, RunDir
from workbench.run.liveness import RunStatus, RunView, status_of, view_of
from workbench.run.prepare import prepare
from workbench.run.record import RunRecord, read_record

if TYPE_CHECKING:
    from workbench.plan.memory import Memory
    from workbench.plan.plan import Plan
    from workbench.run.recipe import Recipe

MOST_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Options:
    """How to launch: `jobs` runs at once with `threads` each (0 = decide here); `force` runs finished ones again."""

    jobs: int = 0
    threads: int = 0
    force: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answers, one per run in the order asked, and whether the person interrupted."""

    answers: tuple[dict[str, Any], ...]
    interrupted: bool

    @property
    def all_finished(self) -> bool:
        return all(answer["status"] == RunStatus.FINISHED for answer in self.answers)


def predicted_memory(plan: "Plan", recipe: "Recipe") -> "Memory":
    """The peak of one micro-step with every example at `max_length`, on the device that runs would use."""
    from workbench.plan.memory import memory

    device, dtype = _device_and_dtype(recipe)
    tokens = recipe.batch * recipe.max_length
    return memory(plan, tokens, dtype, recipe.optimizer, recipe.gradient_checkpointing, device, recipe.max_length)


def _device_and_dtype(recipe: "Recipe") -> tuple[str, str]:
    """torch's name of the device that runs would use, and the compute dtype that `auto` means there."""
    from workbench.run.gpus import list_gpus

    device = "cuda:0" if list_gpus() else "cpu"
    automatic = "bf16" if device != "cpu" else "fp32"
    return device, automatic if recipe.compute_dtype == "auto" else recipe.compute_dtype


def _check_warmup(recipe: "Recipe") -> None:
    if recipe.warmup_steps >= (recipe.steps or 0) > 1 and recipe.schedule != "constant":
        print(
            f"warning: {recipe.warmup_steps} of {recipe.steps} steps are warm-up: the learning rate never gets to "
            f"{recipe.lr:g}",
            file=sys.stderr,
        )


def records_of(
    home: Home, plans: Sequence["Plan"], recipe_name: str, recipe: "Recipe", seeds: Sequence[int], name: str = ""
) -> list[RunRecord]:
    """The runs of every plan with every seed; a reference plan has one run. Reads the data, hashes the models.

    Plans that set the same at every site have the same runs: those stand here under each of their names.
    """
    from workbench.data.load import load_data
    from workbench.plan.fingerprint import model_fingerprint
    from workbench.plan.model_map import require_weights
    from workbench.run.recipe_file import resolve_steps

    for plan in plans:
        require_weights(plan.map)
    data = load_data(recipe)
    for line in data.said:
        print(line, file=sys.stderr)
    # What `auto` means here and now belongs to the experiment: another dtype is another result.
    recipe = replace(resolve_steps(recipe, data), format=data.format, compute_dtype=_device_and_dtype(recipe)[1])
    _check_warmup(recipe)
    records: list[RunRecord] = []
    for plan in plans:
        fingerprint = model_fingerprint(plan.map.path, home.cache)
        memory = predicted_memory(plan, recipe).parts()
        for seed in seeds[:1] if plan.reference else seeds:
            run_name = f"{name}-s{seed}" if name and not plan.reference else name
            records.append(make_record(plan, recipe_name, recipe, data, fingerprint, seed, memory, run_name))
    return records


def launch(home: Home, records: Sequence[RunRecord], options: Options) -> Outcome:
    """Runs what is not finished yet, follows it on stderr, and answers from the store."""
    from workbench.cli.context import refresh
    from workbench.cli.errors import show_error
    from workbench.cli.progress import make_progress

    run_dirs = {record.run_id: _prepared(home, record) for record in records}
    pending = [
        run_dir for run_dir in run_dirs.values() if options.force or status_of(run_dir) is not RunStatus.FINISHED
    ]
    stop = StopRequest()
    if pending:
        jobs, threads = _shares(options, len(pending))
        _check_memory([read_record(run_dir.record) for run_dir in pending], jobs)
        names = {run_dir.run_id: read_record(run_dir.record).name for run_dir in pending}
        with make_progress(names) as progress, _interruptible(stop):
            run_all(home, pending, jobs, threads, progress.on_event, stop=stop, on_wait=progress.say)
    fresh = {run_dir.run_id for run_dir in pending}
    try:
        refresh(home)
    except WorkbenchError as error:
        if any(status_of(run_dir) is RunStatus.FINISHED for run_dir in run_dirs.values()):
            raise  # its evaluations are answered from the store
        show_error(error)
    return Outcome(tuple(_answer(home, record, fresh) for record in records), bool(stop.count))


def _prepared(home: Home, record: RunRecord) -> RunDir:
    run_dir = prepare(home, record)
    if (kept := read_record(run_dir.record)).name != record.name:
        print(f"{record.name}: the same run was made before as {kept.name} ({kept.run_id})", file=sys.stderr)
    return run_dir


def _check_memory(records: Sequence[RunRecord], jobs: int) -> None:
    """Warns when the estimate does not fit: it is an estimate, so nothing is refused."""
    from workbench.report.numbers import size
    from workbench.run.gpus import list_gpus
    from workbench.run.repro import available_memory

    gpus = list_gpus()
    free = min(gpu.free_bytes for gpu in gpus) if gpus else available_memory() // jobs
    largest = max(records, key=lambda record: record.predicted_bytes["total"])
    if (needed := largest.predicted_bytes["total"]) > free:
        print(
            f"warning: {largest.name} is estimated to need {size(needed)}, and {size(free)} are free for it: lower "
            "batch and raise accumulation, set gradient_checkpointing: true, or lower max_length",
            file=sys.stderr,
        )


def _shares(options: Options, runs: int) -> tuple[int, int]:
    """How many runs at once, and the threads of each: together never more than the cores.

    A run alone gets no more threads than one of several: its numbers are then the same, and on a busy machine more
    threads than free cores make steps many times slower.
    """
    from workbench.run.gpus import list_gpus

    cores = len(os.sched_getaffinity(0))
    places = len(list_gpus()) or min(MOST_AT_ONCE, cores)
    jobs = min(options.jobs or places, runs)
    return jobs, options.threads or max(1, cores // max(jobs, places))


@contextmanager
def _interruptible(stop: StopRequest) -> Iterator[None]:
    def on_interrupt(_number: int, _frame: FrameType | None) -> None:
        stop.stop()
        saying = "stopping: runs finish their step and save; Ctrl-C again kills them"
        print(f"\n{saying if stop.count == 1 else 'killing'}", file=sys.stderr)

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _adapter(run_dir: RunDir, view: RunView) -> str | None:
    """Where the answer's adapter stands: a stopped attempt has its own."""
    folder = run_dir.adapter_of(view.attempt) if view.status is RunStatus.STOPPED else run_dir.adapter
    return str(folder) if folder.is_dir() else None


def _answer(home: Home, record: RunRecord, fresh: set[str]) -> dict[str, Any]:
    from store.runs import final_evals

    run_dir = home.run_dir(record.run_id)
    view = view_of(run_dir)
    evaluations = final_evals(home, record.run_id) if view.status is RunStatus.FINISHED else []
    answer: dict[str, Any] = {
        "run_id": record.run_id,
        "name": read_record(run_dir.record).name,
        "plan": record.plan,
        "seed": record.seed,
        "status": str(view.status),
        "eval": {found.metric: found.value for found in evaluations},
        "trainable_params": record.trainable_params,
        "adapter": _adapter(run_dir, view),
        "cached": record.run_id not in fresh,
    }
    if view.failure:
        answer["failure"] = {"class": view.failure.failure_class, "message": view.failure.message}
    return answer
