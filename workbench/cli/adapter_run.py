"""The run whose adapter a command is about, and the model that it was trained on."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli.context import current_home
from workbench.errors import InvalidError, NotFoundError

if TYPE_CHECKING:
    from workbench.plan.families import Family
    from workbench.run.layout import RunDir
    from workbench.run.record import RunRecord


@dataclass(frozen=True, slots=True)
class AdaptedRun:
    """A run with a finished adapter. `model` is where its base should be now."""

    run_dir: "RunDir"
    record: "RunRecord"
    model: Path

    @property
    def attempt(self) -> int:
        """The attempt that saved the adapter."""
        return int(self.run_dir.adapter.resolve().suffix.removeprefix("."))


def adapted_run(word: str, model: Path | None, aim: str) -> AdaptedRun:
    """The run of an identifier, its start, or a name; `aim` says in messages what is wanted of it.

    Raises NotFoundError where there is no such run or no adapter, UsageError where several are meant, InvalidError
    where its plan adapts nothing.
    """
    from workbench.cli.run_details import found_run
    from workbench.run.record import read_record

    run_dir, _summary, view = found_run(current_home(), word)
    record = read_record(run_dir.record)
    if record.reference:
        title = f"run {record.name}: its plan adapts nothing, so there is nothing to {aim}"
        raise InvalidError(title, "name a run with an adapter: workbench runs list")
    if not run_dir.adapter.is_dir():
        hint = f"finish it: workbench run, or see what happened: workbench runs show {run_dir.run_id}"
        raise NotFoundError(f"run {record.name} has no adapter: it is {view.status}", hint)
    return AdaptedRun(run_dir, record, model or Path(record.model_path))


def checked_family(run: AdaptedRun) -> "Family":
    """The family of the run's model, whose files are those that it was trained on.

    Raises NotFoundError where the folder is gone, InvalidError where another model lies there.
    """
    from workbench.plan.fingerprint import model_fingerprint
    from workbench.plan.model_map import load_map

    if not run.model.is_dir():
        raise NotFoundError(f"{run.model}: the model's folder is gone", "name the place it is at now: --model DIR")
    family = load_map(str(run.model)).family
    if model_fingerprint(run.model, current_home().cache) != run.record.model_fingerprint:
        raise InvalidError(
            f"{run.model} is not the base that run {run.record.name} was trained on: its fingerprint differs",
            "name the folder with the very same files: --model DIR",
        )
    return family
