"""Single runs for the operations benchmark: how soon a trainer begins, and whether it minds a closed terminal."""

import os
import pty
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.common import in_turn, ratios
from benchmarks.store_home import Shape, fill
from workbench.run.control import request_kill
from workbench.run.events import read_events
from workbench.run.launch import LocalLauncher
from workbench.run.layout import Home, RunDir
from workbench.run.liveness import status_of
from workbench.run.proc import read_proc
from workbench.run.process import is_alive
from workbench.run.queue import enqueue
from workbench.run.schedule import schedule
from workbench.run.slots import cpu_slots
from workbench.run.tickets import Ticket

COMMAND = (sys.executable, "-P", "-m", "workbench.cli.main")
_SHIM, _TRAINER = "workbench.run.shim", "workbench.train.__main__"
_LOOK_SECONDS = 0.001
_MOST_SECONDS = 600.0
_WARM_UP = 5  # steps that are slower than the rest


def measure_start(folder: Path, turns: int) -> dict[str, Any]:
    """Seconds from the ticket to the moment at which the trainer's own code opens its log.

    `imports` is what two processes take that import what the shim and the trainer have imported by then.
    """
    home = Home(folder / "start")
    fill(home, Shape(turns + 1, 1, 1, 1))
    run_dirs = iter(home.run_dirs())
    _start(home, next(run_dirs))  # warm-up
    sides: dict[str, Callable[[], float]] = {
        "ticket_to_first_line": lambda: _start(home, next(run_dirs)),
        "imports": lambda: _import(_SHIM) + _import(_TRAINER),
    }
    found = in_turn(sides, turns)
    beyond = [whole - imports for whole, imports in zip(*found.values(), strict=True)]
    return {name: spread(values) for name, values in {**found, "beyond_imports": beyond}.items()}


def _start(home: Home, run_dir: RunDir) -> float:
    run_dir.events.unlink()
    began = time.perf_counter()
    enqueue(home, [Ticket(run_dir.run_id, 0)])
    schedule(home, LocalLauncher(home, cpu_slots))
    _until(run_dir.events.exists, _LOOK_SECONDS)
    took = time.perf_counter() - began
    request_kill(run_dir, 1)
    _until(lambda: status_of(run_dir).is_over, 0.05)
    record = read_proc(run_dir)
    _until(lambda: record is None or not is_alive(record.shim), 0.05)
    schedule(home, LocalLauncher(home, cpu_slots))
    return took


def _import(module: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-P", "-c", f"import {module}"], check=True)
    return time.perf_counter() - began


class Look(NamedTuple):
    """A run at one moment: steps logged, the monotonic clock, and the processor time of its trainer in seconds."""

    steps: int
    mono: float
    processor: float


@dataclass(frozen=True, slots=True)
class Followed:
    """A demo run, and the command that started it and follows it in a terminal of its own."""

    run_dir: RunDir
    command: int
    reading: threading.Thread

    def close_terminal(self) -> None:
        """Kills the command and waits until nothing has its terminal open any more."""
        os.kill(self.command, signal.SIGKILL)
        self.reading.join(_MOST_SECONDS)
        assert not self.reading.is_alive(), "the terminal is still open somewhere"

    def look(self) -> Look:
        record = read_proc(self.run_dir)
        assert record is not None
        assert record.trainer is not None
        stat = Path(f"/proc/{record.trainer.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        processor = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
        return Look(len(_step_times(self.run_dir)), time.monotonic(), processor)

    def wait(self) -> None:
        _until(lambda: _has_finished(self.run_dir), 0.2)
        os.waitpid(self.command, 0)


def measure_terminal(folder: Path, pairs: int, steps: int) -> dict[str, Any]:
    """Time of a step after a terminal was closed to that before it, against a run beside it whose terminal stayed.

    Both are at work at the same time, so that what else the machine does is the same for both.
    """
    found = [_pair(folder, number, steps) for number in range(pairs)]
    result: dict[str, Any] = {"steps": steps}
    for place, clock in enumerate(("wall", "processor")):
        closed, open_ = ([pair[side][place] for pair in found] for side in (0, 1))
        result[clock] = {
            "terminal_closed": spread(closed),
            "terminal_open": spread(open_),
            "closed_to_open": ratios(closed, open_),
        }
    return result


def _pair(folder: Path, number: int, steps: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """After to before, on the clock and of the processor: of the run whose terminal is closed, and of the other."""
    names = ("closed", "open") if number % 2 == 0 else ("open", "closed")
    runs = {name: _follow(Home(folder / f"terminal-{name}"), number + 1, steps) for name in names}
    both = (runs["closed"], runs["open"])
    _until(lambda: all(len(_step_times(run.run_dir)) >= _WARM_UP for run in both), 0.1)
    looks = [[run.look() for run in both]]
    _until(lambda: len(_step_times(both[0].run_dir)) >= steps // 2, 0.1)
    both[0].close_terminal()
    looks.append([run.look() for run in both])
    _until(lambda: any(len(_step_times(run.run_dir)) >= steps - 1 for run in both), 0.1)
    looks.append([run.look() for run in both])
    for run in both:
        run.wait()
    first, second = (
        _after_to_before(run, list(seen)) for run, seen in zip(both, zip(*looks, strict=True), strict=True)
    )
    return first, second


def _follow(home: Home, seed: int, steps: int) -> Followed:
    before = set(home.run_dirs())
    line = [*COMMAND, "--home", str(home.path), "run", "demo-baseline", "--recipe", "demo", "--seed", str(seed)]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(line[0], [*line, "--set", f"steps={steps}"])
    reading = threading.Thread(target=_read_all, args=(terminal,), daemon=True)
    reading.start()
    _until(lambda: set(home.run_dirs()) - before, 0.1)
    [run_dir] = set(home.run_dirs()) - before
    return Followed(run_dir, pid, reading)


def _after_to_before(run: Followed, looks: list[Look]) -> tuple[float, float]:
    """By the median step on the clock, and by the processor time of all steps."""
    halves = list(pairwise(looks))
    times = _step_times(run.run_dir)
    took = [
        statistics.median(b - a for a, b in pairwise(times) if early.mono <= a and b <= late.mono)
        for early, late in halves
    ]
    processor = [(late.processor - early.processor) / (late.steps - early.steps) for early, late in halves]
    return took[1] / took[0], processor[1] / processor[0]


def _read_all(terminal: int) -> None:
    """Shows what is printed there to nobody, and closes the terminal when its last program is gone."""
    with suppress(OSError):
        while os.read(terminal, 65536):
            pass
    os.close(terminal)


def _step_times(run_dir: RunDir) -> list[float]:
    return [event["mono"] for event in read_events(run_dir.events) if event["kind"] == "metric"]


def _has_finished(run_dir: RunDir) -> bool:
    status = status_of(run_dir)
    assert status.is_live or status == "finished", f"{run_dir.path} is {status}"
    return not status.is_live


def _until(condition: Callable[[], Any], pause: float) -> None:
    deadline = time.monotonic() + _MOST_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {_MOST_SECONDS:g} s")
        time.sleep(pause)


def spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}
