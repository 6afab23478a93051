"""A launcher to another machine that is slow and forgets everything: no program can lean on what it happens to do fast.

The other machine is another home on this one, with real shims. Nothing is kept in the instance, every call dawdles, the
state that it tells is that of the call before, and the run's files are here only once they were fetched.
"""

import json
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from workbench.run.control import Reason
from workbench.run.launch import Capacity, LocalLauncher, Need, RunHandle
from workbench.run.layout import Home, RunDir
from workbench.run.states import RunStatus

_LOGS = ("events.jsonl", "shim.jsonl")
_SECONDS = 0.05


@dataclass(frozen=True)
class DistantLauncher:
    """`far` is the home over there, `machine` what starts runs in it."""

    far: Home
    machine: LocalLauncher

    def capacity(self, jobs: int) -> Capacity:
        _dawdle()
        return self.machine.capacity(jobs)

    def submit(self, run_dir: RunDir, need: Need) -> RunHandle | None:
        _dawdle()
        there = self.far.run_dir(run_dir.run_id)
        carried = [path for path in run_dir.path.iterdir() if path.is_file() and path.name not in _LOGS]
        there.path.mkdir(parents=True, exist_ok=True)
        for path in carried:
            if not (there.path / path.name).exists():
                shutil.copyfile(path, there.path / path.name)
        return self.machine.submit(there, need)

    def status(self, handle: RunHandle) -> RunStatus:
        _dawdle()
        now = self.machine.status(handle)
        seen = self.far.run_dir(handle.run_id).path / "seen.json"
        before = json.loads(seen.read_text()) if seen.exists() else {}
        seen.write_text(json.dumps({"attempt": handle.attempt, "status": str(now)}))
        if before.get("attempt") != handle.attempt:
            return RunStatus.STARTING
        return RunStatus(before["status"])

    def stop(self, handle: RunHandle, reason: Reason = "user", grace: float | None = None) -> bool:
        _dawdle()
        return self.machine.stop(handle, reason, grace)

    def fetch(self, run_dir: RunDir) -> RunDir:
        _dawdle()
        there = self.far.run_dir(run_dir.run_id)
        for path in there.path.glob("*"):
            if path.name in _LOGS:
                _append(path, run_dir.path / path.name)
            elif path.is_file() and path.suffix in (".log", ".json"):
                shutil.copyfile(path, run_dir.path / path.name)
        return run_dir


def _append(there: Path, here: Path) -> None:
    """Brings what a log has gained, up to its last newline: half a line may be on its way."""
    have = here.stat().st_size if here.exists() else 0
    gained = there.read_bytes()[have:]
    with here.open("ab") as file:
        file.write(gained[: gained.rfind(b"\n") + 1])


def _dawdle() -> None:
    threading.Event().wait(_SECONDS)
