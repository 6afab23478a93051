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
from itertools import pairwise
from pathlib import Path
from typing import Any

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


def measure_terminal(folder: Path, pairs: int, steps: int) -> dict[str, Any]:
    """Time of a step in the second half of a run to that in its first half: left alone, and with who follows it.

    Half-way the command that follows the run is killed and its terminal closed; in the run beside it both stay. Other
    programs stretch the time on the clock, by the median step, more than that of the processor, by the mean.
    """
    home, seeds = Home(folder / "terminal"), iter(range(1, 2 * pairs + 1))
    sides: dict[str, Callable[[], tuple[float, float]]] = {
        "terminal_closed": lambda: _halves(home, next(seeds), steps, closed=True),
        "undisturbed": lambda: _halves(home, next(seeds), steps, closed=False),
    }
    found = in_turn(sides, pairs)
    result: dict[str, Any] = {"steps": steps}
    for place, clock in enumerate(("wall", "processor")):
        halves = {name: [both[place] for both in values] for name, values in found.items()}
        result[clock] = {
            "second_half_to_first": {name: spread(values) for name, values in halves.items()},
            "closed_to_undisturbed": ratios(*halves.values()),
        }
    return result


def _halves(home: Home, seed: int, steps: int, closed: bool) -> tuple[float, float]:
    """The ratio of the halves: on the clock, and of the processor."""
    before = set(home.run_dirs())
    line = [*COMMAND, "--home", str(home.path), "run", "demo-baseline", "--recipe", "demo", "--seed", str(seed)]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(line[0], [*line, "--set", f"steps={steps}"])
    reading = threading.Thread(target=_read_all, args=(terminal,), daemon=True)
    reading.start()
    _until(lambda: set(home.run_dirs()) - before, 0.1)
    [run_dir] = set(home.run_dirs()) - before
    looks = [_reach(run_dir, number) for number in (_WARM_UP, steps // 2)]
    if closed:
        os.kill(pid, signal.SIGKILL)
        reading.join(_MOST_SECONDS)
        assert not reading.is_alive(), "the terminal is still open somewhere"
    looks.append(_reach(run_dir, steps - 1))
    _until(lambda: _has_finished(run_dir), 0.2)
    os.waitpid(pid, 0)
    return _ratio_of_medians(run_dir, steps), _per_step(*looks[1:]) / _per_step(*looks[:2])


def _reach(run_dir: RunDir, number: int) -> tuple[int, float]:
    """Waits for a step; the steps that are logged then, and the processor time of the trainer in seconds."""
    _until(lambda: len(_step_times(run_dir)) >= number, 0.1)
    record = read_proc(run_dir)
    assert record is not None
    assert record.trainer is not None
    stat = Path(f"/proc/{record.trainer.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return len(_step_times(run_dir)), (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def _per_step(earlier: tuple[int, float], later: tuple[int, float]) -> float:
    return (later[1] - earlier[1]) / (later[0] - earlier[0])


def _ratio_of_medians(run_dir: RunDir, steps: int) -> float:
    times = _step_times(run_dir)
    assert len(times) == steps, f"{run_dir.path}: {len(times)} of {steps} steps"
    seconds = [later - earlier for earlier, later in pairwise(times)]
    return statistics.median(seconds[steps // 2 :]) / statistics.median(seconds[_WARM_UP : steps // 2])


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
