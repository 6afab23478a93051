"""B10b, operations: the list of a thousand runs, the tick of the queue, the start of a run, a closed terminal, a shim.

`python -m benchmarks.operations [list] [tick] [start] [terminal] [memory] [--quick] [--keep]`; all of them when none is
named. What is said of each is in the README beside this.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.common import in_turn, publish
from benchmarks.operations_home import BusyHome, busy_home
from benchmarks.operations_runs import COMMAND, measure_start, measure_terminal, spread
from workbench.run import locks
from workbench.run.layout import Home
from workbench.run.proc import read_proc
from workbench.run.queue import enqueue
from workbench.run.schedule import schedule
from workbench.run.slots import machine_slots
from workbench.run.tickets import Ticket, queue_lock

PACKAGES = ("duckdb", "typer", "pydantic", "torch")
FIGURES = ("list", "tick", "start", "terminal", "memory")
_OF_HOME = {"list", "tick", "memory"}
WAITING = 50
# Prints the modules that the command has loaded when it is done.
_LOADED = """
import sys
sys.argv = ["workbench", *sys.argv[1:]]
from workbench.cli.main import main
try:
    main()
except SystemExit:
    pass
print(*sorted(name for name in sys.modules if name != "__main__"), file=sys.stderr)
"""
_IMPORT = "import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(name)"


def measure_list(busy: BusyHome, turns: int) -> dict[str, Any]:
    """`runs list` as a process, with the runs at work between two steps, and with each logging a step a second."""
    command = (*COMMAND, "--home", str(busy.home.path), "runs", "list")
    first = _timed(command)()
    time.sleep(3)  # of a folder that changed in the last two seconds nothing is kept
    _timed(command)()
    calls = {
        "python": _timed((sys.executable, "-P", "-c", "pass")),
        "imports": _timed((sys.executable, "-P", "-c", _IMPORT, *_loaded(command))),
        "list": _timed(command),
        "list --json": _timed((*command, "--json")),
    }
    quiet = in_turn(calls, turns)
    busy.log_steps(True)
    logging = in_turn(calls, turns)
    busy.log_steps(False)
    return {
        "runs": len(busy.home.run_dirs()),
        "live": len(busy.live),
        "modules": len(_loaded(command)),
        "first_call": dict(zip(("wall", "processor"), first, strict=True)),
        "quiet": _costs(quiet),
        "logging": _costs(logging),
    }


def _loaded(command: Sequence[str]) -> list[str]:
    words = command[command.index("--home") :]
    line = [sys.executable, "-P", "-c", _LOADED, *words]
    done = subprocess.run(line, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
    return done.stderr.splitlines()[-1].split()


def _timed(command: Sequence[str]) -> Callable[[], tuple[float, float]]:
    """Seconds of one process: on the clock, and of the processor, which other programs stretch less."""

    def call() -> tuple[float, float]:
        processor, began = _of_children(), time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - began, _of_children() - processor

    return call


def _of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _costs(found: dict[str, list[tuple[float, float]]]) -> dict[str, Any]:
    """Each command's seconds, and what the lists took beyond the interpreter and beyond their imports, turn by turn."""
    costs: dict[str, Any] = {}
    for place, clock in enumerate(("wall", "processor")):
        taken = {name: [both[place] for both in values] for name, values in found.items()}
        costs[clock] = {name: spread(values) for name, values in taken.items()}
        for name in ("list", "list --json"):
            for less in ("python", "imports"):
                beyond = [whole - part for whole, part in zip(taken[name], taken[less], strict=True)]
                costs[clock][f"{name} beyond {less}"] = spread(beyond)
    return costs


def measure_tick(busy: BusyHome, turns: int) -> dict[str, Any]:
    """One call of the scheduling function with every slot taken: on the clock, and of the processor."""
    home, slots = busy.home, machine_slots(len(busy.live))
    with ExitStack() as held:
        home.slots.mkdir(exist_ok=True)
        for slot in slots:
            if (descriptor := locks.take(slot.lock_file(home))) is not None:
                held.callback(os.close, descriptor)
        waiting = _fill_queue(busy, len(slots))
        taken = [_tick(home) for _ in range(turns)]
    return {
        "started": len(busy.live),
        "waiting": waiting,
        "milliseconds": spread([wall for wall, _ in taken]),
        "processor_milliseconds": spread([processor for _, processor in taken]),
    }


def _fill_queue(busy: BusyHome, jobs: int) -> int:
    with queue_lock(busy.home) as tickets:
        for run_dir in busy.live:
            ticket = Ticket(run_dir.run_id, 1, jobs=jobs)
            tickets.put(ticket)
            tickets.claim(ticket)
    runs = [run_dir.run_id for run_dir in busy.home.run_dirs() if run_dir not in busy.live]
    return len(enqueue(busy.home, [Ticket(run_id, 0, jobs=jobs, batch="all") for run_id in runs[:WAITING]]))


def _tick(home: Home) -> tuple[float, float]:
    processor, began = time.process_time(), time.perf_counter()
    report = schedule(home)
    taken = (1e3 * (time.perf_counter() - began), 1e3 * (time.process_time() - processor))
    assert not report.started
    assert not report.over
    return taken


def measure_memory(busy: BusyHome) -> dict[str, Any]:
    """Megabytes of the shims of the runs at work, and of an interpreter that does nothing."""
    records = [read_proc(run_dir) for run_dir in busy.live]
    shims = [_megabytes(record.shim.pid) for record in records if record]
    with subprocess.Popen(
        [sys.executable, "-P", "-c", "print(flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as bare:
        assert bare.stdout is not None
        bare.stdout.readline()
        interpreter = _megabytes(bare.pid)
        bare.communicate(b"\n")
    return {
        "interpreter": interpreter,
        "shim": {name: spread([found[name] for found in shims]) for name in interpreter},
    }


def _megabytes(pid: int) -> dict[str, float]:
    texts = [Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8") for name in ("status", "smaps_rollup")]
    fields = [line.split() for text in texts for line in text.splitlines()]
    kilobytes = {words[0]: int(words[1]) for words in fields if words[-1] == "kB"}
    return {"resident": kilobytes["VmRSS:"] * 1.024e-3, "proportional": kilobytes["Pss:"] * 1.024e-3}


def measure(folder: Path, wanted: Sequence[str], quick: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if _OF_HOME & set(wanted):
        with busy_home(folder, 100 if quick else 1000, 5 if quick else 20) as busy:
            if "memory" in wanted:
                found["memory"] = measure_memory(busy)
            if "list" in wanted:
                found["list"] = measure_list(busy, 3 if quick else 15)
            if "tick" in wanted:
                found["tick"] = measure_tick(busy, 10 if quick else 100)
    if "start" in wanted:
        found["start"] = measure_start(folder, 2 if quick else 10)
    if "terminal" in wanted:
        found["terminal"] = measure_terminal(folder, *((1, 40) if quick else (8, 120)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"{', '.join(FIGURES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="fewer runs and turns")
    parser.add_argument("--keep", action="store_true", help="write the result to benchmarks/results")
    chosen = parser.parse_args()
    if unknown := set(chosen.figures) - set(FIGURES):
        parser.error(f"{', '.join(sorted(unknown))}: expected of {', '.join(FIGURES)}")
    wanted = chosen.figures or FIGURES
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # the last run's ingest may still be at it
        publish("operations", measure(Path(folder), wanted, chosen.quick), PACKAGES, chosen.keep, FIGURES)


if __name__ == "__main__":
    main()
