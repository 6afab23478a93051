"""Where everything of the workbench stands on disk."""

import os
from pathlib import Path
from typing import NamedTuple

HOME_NAME = ".workbench"


def find_home(explicit: Path | None = None) -> "Home":
    """The home: `explicit`, `$WORKBENCH_HOME`, the nearest `.workbench/` upward, else `./.workbench`.

    The search upward stops at the user's home folder and at a filesystem border. Creates nothing.
    """
    if explicit is not None:
        return Home(explicit.expanduser().absolute())
    if named := os.environ.get("WORKBENCH_HOME"):
        return Home(Path(named).expanduser().absolute())
    start = Path.cwd()
    device = start.stat().st_dev
    for folder in (start, *start.parents):
        if folder.stat().st_dev != device:
            break
        if (folder / HOME_NAME).is_dir():
            return Home(folder / HOME_NAME)
        if folder == Path.home():
            break
    return Home(start / HOME_NAME)


class Home(NamedTuple):
    """The folder that holds plans, recipes, runs and the results database."""

    path: Path

    @property
    def plans(self) -> Path:
        return self.path / "plans"

    @property
    def recipes(self) -> Path:
        return self.path / "recipes"

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    @property
    def studies(self) -> Path:
        """A folder for each study, with its `study.yaml` and `members.jsonl`."""
        return self.path / "studies"

    @property
    def slots(self) -> Path:
        return self.path / "slots"

    @property
    def queue(self) -> Path:
        return self.path / "queue"

    @property
    def cache(self) -> Path:
        return self.path / "cache"

    @property
    def groups_file(self) -> Path:
        return self.path / "groups.yaml"

    @property
    def database(self) -> Path:
        return self.path / "results.duckdb"

    @property
    def database_lock(self) -> Path:
        return self.path / "results.lock"

    def run_dir(self, run_id: str) -> "RunDir":
        return RunDir(self.runs / run_id)

    def run_dirs(self) -> list["RunDir"]:
        """Every run of this home that has a run.json, in the order of their identifiers."""
        if not self.runs.is_dir():
            return []
        return [RunDir(p.parent) for p in sorted(self.runs.glob("*/run.json")) if not p.parent.name.startswith(".")]


class RunDir(NamedTuple):
    """The folder of one run."""

    path: Path

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def home(self) -> Home:
        return Home(self.path.parent.parent)

    @property
    def record(self) -> Path:
        return self.path / "run.json"

    @property
    def meta(self) -> Path:
        return self.path / "meta.json"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def shim_events(self) -> Path:
        return self.path / "shim.jsonl"

    @property
    def proc(self) -> Path:
        return self.path / "proc.json"

    @property
    def alive_lock(self) -> Path:
        return self.path / "alive.lock"

    @property
    def shim_lock(self) -> Path:
        """Held by the shim alone, from before it starts; `alive_lock` by the trainer and what it started, too."""
        return self.path / "shim.lock"

    @property
    def control(self) -> Path:
        return self.path / "control"

    @property
    def adapter(self) -> Path:
        """The adapter of the last finished attempt: a link to its folder."""
        return self.path / "adapter"

    def adapter_of(self, attempt: int) -> Path:
        """The adapter that this attempt saved, finished or stopped."""
        return self.path / f"adapter.{attempt}"

    @property
    def checkpoints(self) -> Path:
        """The folder of resumable states, one folder `step-NNNNNN` each."""
        return self.path / "checkpoint"

    def terms(self, attempt: int) -> Path:
        return self.path / f"attempt.{attempt}.json"

    def out(self, attempt: int) -> Path:
        return self.path / f"out.{attempt}.log"

    def repro(self, attempt: int) -> Path:
        return self.path / f"repro.{attempt}.json"

    def predictions(self, attempt: int) -> Path:
        return self.path / f"predictions.{attempt}.jsonl"
