"""Real shims with fake trainers, and ways to wait for what they do."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.run.events import read_events
from workbench.run.launch import LocalLauncher
from workbench.run.layout import Home, RunDir
from workbench.run.proc import ProcRecord, read_proc
from workbench.run.process import ProcessId, is_alive
from workbench.run.slots import cpu_slots
from workbench.run.tickets import Ticket, Tickets

MARK = "WORKBENCH_TEST_FOLDER"
# What the trainer that finishes logs.
FULL = ["started", "metric", "metric", "metric", "finished"]

# Arguments: the trainer's script, its behaviour, the run directory. Like the real shim it has the queue go on.
SHIM = """
import sys
from pathlib import Path
from workbench.run.launch import LocalLauncher
from workbench.run.layout import RunDir
from workbench.run.schedule import schedule
from workbench.run.shim import supervise
from workbench.run.slots import cpu_slots
script, behaviour, run_dir = sys.argv[1], sys.argv[2], RunDir(Path(sys.argv[3]))
code = supervise(run_dir, [sys.executable, "-P", script, str(run_dir.path), behaviour])
schedule(run_dir.home, LocalLauncher(run_dir.home, cpu_slots, [sys.executable, "-P", sys.argv[0], script, behaviour]))
sys.exit(code)
"""

TRAINER = """
import os, signal, subprocess, sys, threading
from pathlib import Path
from workbench.run.events import EventLog

run_dir, behaviour = Path(sys.argv[1]), sys.argv[2]
if (run_dir / "behaviour").exists():
    behaviour = (run_dir / "behaviour").read_text()
attempt = int(os.environ["WORKBENCH_ATTEMPT"])
log = EventLog(run_dir / "events.jsonl", run_dir.name, attempt)


def step(number):
    log.write("metric", step=number, values={"loss": 1.0 / number})


def finish():
    for number in (1, 2, 3):
        step(number)
    log.write("finished", step=3)


def obey(*_):
    from workbench.run.control import stopping_reason
    from workbench.run.layout import RunDir
    reason = stopping_reason(RunDir(run_dir), attempt) or "preempted"
    log.write("paused" if reason == "pause" else "stopped", reason=reason, step=1)
    sys.exit(0)


def note(*_):
    log.write("warning", message="asked to stop")


def train_for_ever():
    number = 0
    while True:
        number += 1
        step(number)
        threading.Event().wait(0.001)


def grandchildren():
    same_group = subprocess.Popen(["sleep", "600"])
    # A daemon in a session of its own, orphaned at once: only the subreaper can find it.
    shell = subprocess.run(["sh", "-c", "setsid sleep 600 >/dev/null 2>&1 & echo $!"], capture_output=True, text=True)
    log.write("telemetry", pids=[same_group.pid, int(shell.stdout)])
    finish()


def leave_a_child():
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    log.write("telemetry", pids=[child.pid])
    until_go()


def until_go():
    while not (run_dir / "go").exists():
        threading.Event().wait(0.01)
    finish()


signal.signal(signal.SIGTERM, {"obey": obey, "ignore": note}.get(behaviour, signal.SIG_DFL))
log.write("started", steps=3, pid=os.getpid(), slot=os.environ.get("WORKBENCH_SLOT"))
if behaviour == "finish":
    finish()
elif behaviour == "exit3":
    print("the third thing went wrong", file=sys.stderr)
    sys.exit(3)
elif behaviour == "segfault":
    import ctypes
    ctypes.string_at(0)
elif behaviour == "cuda_oom":
    log.write("failed", message="CUDA out of memory. Tried to allocate 2.00 GiB", hint="", **{"class": "cuda_oom"})
    sys.exit(1)
elif behaviour == "fail":
    log.write("failed", message="no such column", hint="", **{"class": "bad_data"})
    sys.exit(1)
elif behaviour == "silent":
    sys.exit(0)
elif behaviour == "grandchildren":
    grandchildren()
elif behaviour == "leave_a_child":
    leave_a_child()
elif behaviour == "until_go":
    step(1)
    until_go()
elif behaviour == "steps":
    train_for_ever()
elif behaviour == "until_told":
    step(1)
    with open(run_dir / "gate") as gate:
        gate.read()
    finish()
else:
    step(1)
    while True:
        signal.pause()
"""


def wait_until(condition: Callable[[], Any], timeout: float = 20.0) -> None:
    """Waits for a condition to hold; fails when it does not within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    tick = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        tick.wait(0.01)


@dataclass
class Bench:
    """A home with a fake trainer's script; starts shims over it and remembers them."""

    folder: Path
    shims: list[subprocess.Popen[bytes]]

    @property
    def home(self) -> Home:
        return Home(self.folder / "home")

    def run_dir(self, name: str = "aaaa00000000") -> RunDir:
        run_dir = self.home.run_dir(name)
        run_dir.path.mkdir(parents=True, exist_ok=True)
        return run_dir

    def run_dirs(self, count: int) -> list[RunDir]:
        return [self.run_dir(f"{number:012x}") for number in range(1, count + 1)]

    def is_drained(self) -> bool:
        """Whether no ticket is left."""
        tickets = Tickets(self.home)
        return not tickets.waiting() and not tickets.started()

    def shim_command(self, behaviour: str) -> list[str]:
        """A shim whose trainer behaves so, or as the file `behaviour` in its run's directory says."""
        trainer, shim = self.folder / "trainer.py", self.folder / "shim.py"
        for script, text in ((trainer, TRAINER), (shim, SHIM)):
            if not script.exists():
                script.write_text(text)
        return [sys.executable, "-P", str(shim), str(trainer), behaviour]

    def launcher(self, behaviour: str) -> LocalLauncher:
        return LocalLauncher(self.home, cpu_slots, self.shim_command(behaviour))

    def ticket(self, run_dir: RunDir, **changes: Any) -> Ticket:
        return Ticket(run_dir.run_id, 0, **changes)

    def start(self, run_dir: RunDir, behaviour: str, **environment: str) -> subprocess.Popen[bytes]:
        with (run_dir.path / "shim.log").open("ab") as output:
            shim = subprocess.Popen(
                [*self.shim_command(behaviour), str(run_dir.path)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        self.shims.append(shim)
        return shim

    def start_and_reach(self, run_dir: RunDir, behaviour: str, kind: str, **environment: str) -> "Started":
        """Starts a shim and waits until its trainer has logged an event of this kind."""
        shim = self.start(run_dir, behaviour, **environment)
        wait_until(lambda: kind in kinds(run_dir) and trainer_of(run_dir))
        record = read_proc(run_dir)
        assert record is not None
        return Started(shim, record)


@dataclass(frozen=True)
class Started:
    shim: subprocess.Popen[bytes]
    proc: ProcRecord

    @property
    def trainer(self) -> ProcessId:
        assert self.proc.trainer is not None
        return self.proc.trainer

    def kill_trainer(self) -> None:
        os.kill(self.trainer.pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(self.trainer))

    def kill_shim(self) -> None:
        self.shim.kill()
        self.shim.wait()


def trainer_of(run_dir: RunDir) -> ProcessId | None:
    record = read_proc(run_dir)
    return record.trainer if record else None


def kinds(run_dir: RunDir) -> list[str]:
    return [event["kind"] for event in read_events(run_dir.events)]


def shim_failure(run_dir: RunDir) -> dict[str, Any]:
    """The one event that the supervisor wrote."""
    [event] = read_events(run_dir.shim_events)
    assert event["kind"] == "failed"
    return event


def processes_of(folder: Path) -> list[int]:
    """Every living process that was started for a test with this folder."""
    mark = f"{MARK}={folder}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and mark in _environment(entry).split(b"\0"):
            found.append(int(entry.name))
    return found


def _environment(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""


def write_lines(path: Path, events: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
