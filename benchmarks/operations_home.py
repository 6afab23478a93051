"""A home of 1,000 runs for the operations benchmark: files as real runs leave them, and some that are at work."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import ROOT
from benchmarks.store_home import Shape, fill
from workbench import atomic
from workbench.run.events import EventLog
from workbench.run.layout import Home, RunDir
from workbench.run.liveness import status_of
from workbench.run.proc import ProcRecord
from workbench.run.process import ProcessId
from workbench.run.states import RunStatus

STEPS = 100
_SEEDS = 5
# What a run of the demo base leaves beside its record and its log, with the sizes found there.
_FILES = {
    "meta.json": 85,
    "attempt.1.json": 79,
    "out.1.log": 866,
    "predictions.1.jsonl": 33184,
    "repro.1.json": 801,
    "alive.lock": 0,
    "shim.lock": 0,
    "shim.log": 0,
    "adapter.1/adapter_config.json": 4074,
    "adapter.1/adapter_model.safetensors": 256328,
    "checkpoint/step-000100/manifest.json": 765,
    "checkpoint/step-000100/training.pt": 576195,
    "checkpoint/step-000100/adapter/adapter_config.json": 4074,
    "checkpoint/step-000100/adapter/adapter_model.safetensors": 256328,
}
# Of the runs that are over, one in so many ended in another way than `finished`.
_OTHERWISE = {"failed": 40, "paused": 60, "stopped": 90}

# Arguments: the run directory. A real shim over a trainer that loads nothing and, while the file `steps` stands in the
# home, logs a step every so many seconds as that says.
_SHIM = """
import sys
from pathlib import Path
from workbench.run.layout import RunDir
from workbench.run.shim import supervise
sys.exit(supervise(RunDir(Path(sys.argv[1])), [sys.executable, "-P", "-c", {trainer!r}, sys.argv[1]]))
"""
_TRAINER = """
import os, sys, time
from pathlib import Path
from workbench.run.events import EventLog
run_dir = Path(sys.argv[1])
log, step = EventLog(run_dir / "events.jsonl", run_dir.name, int(os.environ["WORKBENCH_ATTEMPT"])), 1
log.write("started", device="cpu", threads=1, steps=1000000, seed=0)
log.write("metric", step=step, values={"loss": 1.0})
wish, pause = run_dir.parent.parent / "steps", 1.0
while True:
    time.sleep(pause)
    if wish.exists():
        step, pause = step + 1, float(wish.read_text() or 1.0)
        log.write("metric", step=step, values={"loss": 1.0, "lr": 0.1, "grad_norm": 1.0, "tokens": 4000})
"""


@dataclass(frozen=True, slots=True)
class BusyHome:
    """A home with `live` of its runs at work."""

    home: Home
    live: tuple[RunDir, ...]

    def log_steps(self, wanted: bool, pause: float = 1.0) -> None:
        """Lets every run at work log a step every `pause` seconds, or none."""
        flag = self.home.path / "steps"
        atomic.write_text(flag, str(pause)) if wanted else flag.unlink(missing_ok=True)


@contextmanager
def busy_home(folder: Path, runs: int, live: int) -> Iterator[BusyHome]:
    """Makes the home, starts the runs that are to be at work, and ends them."""
    home = Home(folder / "home")
    fill(home, Shape(runs // _SEEDS, _SEEDS, 6, STEPS))
    run_dirs = home.run_dirs()
    at_work = run_dirs[-live:] if live else []
    for number, run_dir in enumerate(run_dirs[: len(run_dirs) - live]):
        _leave(run_dir, number)
    shims = [_start(run_dir) for run_dir in at_work]
    try:
        for run_dir in at_work:
            _until(run_dir, RunStatus.RUNNING)
        yield BusyHome(home, tuple(at_work))
    finally:
        for shim in shims:
            shim.terminate()
        for shim in shims:
            shim.wait()


def _leave(run_dir: RunDir, number: int) -> None:
    """The rest of a run that is over."""
    for name, size in _FILES.items():
        path = run_dir.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(size)
    run_dir.adapter.symlink_to("adapter.1")
    process = ProcessId(1, 1, "of another boot")
    ProcRecord(1, process, process, "cpu.0", 1).write(run_dir)
    for kind, every in _OTHERWISE.items():
        if number % every == 0:
            _end_otherwise(run_dir, kind)
            return


def _end_otherwise(run_dir: RunDir, kind: str) -> None:
    whole = run_dir.events.read_text(encoding="utf-8").splitlines(keepends=True)
    run_dir.events.write_text("".join(whole[: STEPS // 2]), encoding="utf-8")
    log = EventLog(run_dir.events, run_dir.run_id, 1)
    why = {"class": "nan", "message": "the loss is not a number", "hint": ""} if kind == "failed" else {"reason": kind}
    log.write(kind, step=STEPS // 2, **why)
    log.close()


def _start(run_dir: RunDir) -> subprocess.Popen[bytes]:
    run_dir.events.unlink()
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _SHIM.format(trainer=_TRAINER), str(run_dir.path)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "WORKBENCH_GRACE": "0"},
        start_new_session=True,
    )


def _until(run_dir: RunDir, status: RunStatus) -> None:
    deadline = time.monotonic() + 60
    while status_of(run_dir) is not status:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{run_dir.path}: {status_of(run_dir)} after a minute, expected {status}")
        time.sleep(0.05)
