"""From plans, a recipe and seeds to runs in the queue, and to finished runs and their answers."""

import os
import shlex
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType
from typing import TYPE_CHECKING, Any

from workbench.cli.preflight import check_disk, check_memory
from workbench.errors import WorkbenchError
from workbench.run.foreground import Follower, StopRequest
from workbench.run.identity import make_record
from workbench.run.layout import Home, RunDir
from workbench.run.liveness import RunView, status_of, view_of
from workbench.run.prepare import prepare
from workbench.run.queue import enqueue
from workbench.run.record import RunRecord, read_record
from workbench.run.schedule import schedule
from workbench.run.slots import default_jobs, threads_of_each
from workbench.run.states import RunStatus
from workbench.run.terms import CHANGEABLE
from workbench.run.tickets import Ticket

if TYPE_CHECKING:
    from workbench.data.load import DataSet
    from workbench.plan.memory import Memory
    from workbench.plan.plan import Plan
    from workbench.run.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Options:
    """How to launch: from `jobs` slots with `threads` each (0 = decide here); `force` runs finished ones again.

    `after`, `priority`, `retries`, `hold` and `batch` are those of the tickets.
    """

    jobs: int = 0
    threads: int = 0
    force: bool = False
    after: tuple[str, ...] = ()
    priority: int = 0
    retries: int = 0
    hold: bool = False
    batch: str = ""


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


def resolved_recipe(recipe: "Recipe", data: "DataSet") -> "Recipe":
    """The recipe as runs have it: over these data, and with the dtype that `auto` means here and now.

    Another dtype is another result, so it belongs to the experiment.
    """
    from workbench.run.recipe_file import resolve_steps

    return replace(resolve_steps(recipe, data), format=data.format, compute_dtype=_device_and_dtype(recipe)[1])


def check_warmup(recipe: "Recipe") -> None:
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

    for plan in plans:
        require_weights(plan.map)
    data = load_data(recipe)
    for line in (*data.said, *(f"warning: {warning}" for warning in data.warnings)):
        print(line, file=sys.stderr)
    recipe = resolved_recipe(recipe, data)
    check_warmup(recipe)
    records: list[RunRecord] = []
    for plan in plans:
        fingerprint = model_fingerprint(plan.map.path, home.cache)
        memory = predicted_memory(plan, recipe).parts()
        for seed in seeds[:1] if plan.reference else seeds:
            run_name = f"{name}-s{seed}" if name and not plan.reference else name
            records.append(make_record(plan, recipe_name, recipe, data, fingerprint, seed, memory, run_name))
    return records


def launch(home: Home, records: Sequence[RunRecord], options: Options) -> Outcome:
    """Runs what is not finished yet, follows it on stderr, and answers from the store.

    The runs stand in the queue: whatever happens to this program, those that wait are started all the same.
    """
    from workbench.cli.context import refresh
    from workbench.cli.errors import show_error
    from workbench.cli.progress import make_progress

    run_dirs, pending = _prepare(home, records, options)
    stop = StopRequest()
    if pending:
        names = {run_dir.run_id: read_record(run_dir.record).name for run_dir in pending}
        # From before the runs are in the queue: an interrupt right after takes them out of it again.
        with _interruptible(stop), make_progress(names) as progress:
            mine = _enqueue(home, pending, options)
            Follower(home, [*pending], mine, progress.on_event, progress.say, stop).follow()
    fresh = {run_dir.run_id for run_dir in pending}
    try:
        refresh(home)
    except WorkbenchError as error:
        if any(status_of(run_dir) is RunStatus.FINISHED for run_dir in run_dirs.values()):
            raise  # its evaluations are answered from the store
        show_error(error)
    return Outcome(tuple(_answer(home, record, fresh) for record in records), bool(stop.count))


def submit(home: Home, records: Sequence[RunRecord], options: Options) -> list[dict[str, Any]]:
    """Puts what is not finished yet into the queue, starts what there is room for, and says where each run stands."""
    run_dirs, pending = _prepare(home, records, options)
    if pending:
        # Nobody watches them: a batch that fails one after the other is paused by itself.
        batch = f"detached-{min(run_dir.run_id for run_dir in pending)[:6]}" if len(pending) > 1 else ""
        _enqueue(home, pending, replace(options, batch=options.batch or batch))
        schedule(home)
    return [_placed(run_dirs[record.run_id], record) for record in records]


def _prepare(
    home: Home, records: Sequence[RunRecord], options: Options
) -> tuple[dict[str, RunDir], dict[RunDir, RunRecord]]:
    """All run directories, and those whose run is to be made, with the records as they were asked for now."""
    run_dirs = {record.run_id: _prepared(home, record) for record in records}
    asked = {record.run_id: record for record in records}
    pending = {
        run_dir: asked[run_id]
        for run_id, run_dir in run_dirs.items()
        if options.force or status_of(run_dir) is not RunStatus.FINISHED
    }
    return run_dirs, pending


def _enqueue(home: Home, pending: Mapping[RunDir, RunRecord], options: Options) -> list[str]:
    """Tickets for these runs; returns the runs that were put into the queue here."""
    jobs = options.jobs or default_jobs()
    jobs_used = min(jobs, len(pending)) if options.jobs else jobs
    check_memory([*pending.values()], jobs_used)
    check_disk(home, [*pending.values()])
    tickets = [
        Ticket(
            run_id=run_dir.run_id,
            attempt=0,
            priority=options.priority,
            after=options.after,
            hold=options.hold,
            changes=_changes(run_dir, record),
            retries=options.retries,
            jobs=jobs,
            threads=options.threads or threads_of_each(jobs_used),
            memory_bytes=record.predicted_bytes["total"],
            batch=options.batch,
            command=shlex.join(sys.argv),
            folder=os.getcwd(),
        )
        for run_dir, record in pending.items()
    ]
    return enqueue(home, tickets)


def _changes(run_dir: RunDir, asked: RunRecord) -> dict[str, Any]:
    """Recipe keys that are no part of the run's identity, where they were asked for otherwise than the run has them."""
    kept = read_record(run_dir.record).recipe
    return {key: asked.recipe[key] for key in CHANGEABLE if asked.recipe.get(key) != kept.get(key)}


def _prepared(home: Home, record: RunRecord) -> RunDir:
    run_dir = prepare(home, record)
    if (kept := read_record(run_dir.record)).name != record.name:
        print(f"{record.name}: the same run was made before as {kept.name} ({kept.run_id})", file=sys.stderr)
    return run_dir


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


def _placed(run_dir: RunDir, record: RunRecord) -> dict[str, Any]:
    view = view_of(run_dir)
    return {
        "run_id": record.run_id,
        "name": read_record(run_dir.record).name,
        "plan": record.plan,
        "seed": record.seed,
        "status": str(view.status),
        "attempt": view.attempt,
        "trainable_params": record.trainable_params,
    }


def _answer(home: Home, record: RunRecord, fresh: set[str]) -> dict[str, Any]:
    from store.runs import final_evals

    run_dir = home.run_dir(record.run_id)
    view = view_of(run_dir)
    evaluations = final_evals(home, record.run_id) if view.status is RunStatus.FINISHED else []
    answer: dict[str, Any] = {
        **_placed(run_dir, record),
        "eval": {found.metric: found.value for found in evaluations},
        "adapter": _adapter(run_dir, view),
        "cached": record.run_id not in fresh,
    }
    if view.failure:
        answer["failure"] = {"class": view.failure.failure_class, "message": view.failure.message}
    return answer
