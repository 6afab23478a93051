"""B10: kill -9 at random moments, spread over trainer, shim, scheduler, ingester and command line.

`python -m benchmarks.kill_campaign [--kills 200] [--runs 20] [--seed 0] [--quick] [--keep]`. Real runs of the demo base
through the real queue. Ends with exit code 1 unless every run finished and everything that is counted is zero.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.common import ROOT, publish
from store.connection import reading
from store.ingest import ingest
from store.rebuild import rebuild
from workbench.run import locks
from workbench.run.events import parse_lines
from workbench.run.handoff import RUN
from workbench.run.layout import Home, RunDir
from workbench.run.liveness import view_of
from workbench.run.proc import read_proc
from workbench.run.process import ProcessId, is_alive, processes_with, signal_process
from workbench.run.schedule import schedule
from workbench.run.states import RunStatus
from workbench.run.tickets import Tickets

KINDS = ("trainer", "shim", "scheduler", "ingester", "command")
MARK = "WORKBENCH_CAMPAIGN"
COMMAND = (sys.executable, "-P", "-m", "workbench.cli.main")
PLANS = ("demo-baseline", "demo-quarter-mlp", "demo-quarter-attention", "demo-quarter-all")
_WITH_TRAINER = (RunStatus.STALLED, RunStatus.UNSUPERVISED)
COMMANDS = (("runs", "list"), ("runs", "queue"), ("runs", "watch", "--once"), ("sql", "from run_summary"))
_SHORT_LIVED: dict[str, Callable[[Home, random.Random], list[str]]] = {
    "scheduler": lambda home, _: [sys.executable, "-P", "-m", "workbench.run.schedule", str(home.path)],
    "ingester": lambda home, _: [sys.executable, "-P", "-m", "store.ingest", str(home.path)],
    "command": lambda home, draw: [*COMMAND, "--home", str(home.path), *draw.choice(COMMANDS)],
}


@dataclass(slots=True)
class Observer:
    """Looks at every run all the time, and at the processes that are really there: what it cannot believe it notes."""

    home: Home
    wrong: list[str] = field(default_factory=list)
    looks: int = 0
    _attempts: dict[str, int] = field(default_factory=dict)
    _finished: set[str] = field(default_factory=set)

    def look(self) -> None:
        for run_dir in self.home.run_dirs():
            before = _trainers(run_dir)
            view = view_of(run_dir)
            after = _trainers(run_dir)
            self.looks += 1
            self._check(run_dir, view.status, view.attempt, bool(before & after), bool(before | after))

    def _check(self, run_dir: RunDir, status: RunStatus, attempt: int, there: bool, ever_there: bool) -> None:
        run_id = run_dir.run_id
        if there and not status.is_live:
            self.wrong.append(f"{run_id}: {status} with a trainer at work")
        if not ever_there and status in _WITH_TRAINER and self._stays_without_trainer(run_dir):
            self.wrong.append(f"{run_id}: {status} without a trainer")
        if attempt < self._attempts.get(run_id, 0):
            self.wrong.append(f"{run_id}: attempt {attempt} after {self._attempts[run_id]}")
        if run_id in self._finished and status is not RunStatus.FINISHED:
            self.wrong.append(f"{run_id}: {status} after finished")
        self._attempts[run_id] = max(attempt, self._attempts.get(run_id, 0))
        if status is RunStatus.FINISHED:
            self._finished.add(run_id)

    def _stays_without_trainer(self, run_dir: RunDir) -> bool:
        """A process that was killed has no environment any more while its memory is freed, and still holds its lock."""
        for _ in range(10):
            _wait(0.1)
            if view_of(run_dir).status not in _WITH_TRAINER or _trainers(run_dir):
                return False
        return True


def _trainers(run_dir: RunDir) -> set[ProcessId]:
    return {process for process in processes_with({RUN: os.path.realpath(run_dir.path)}) if is_alive(process)}


@dataclass(slots=True)
class Killer:
    """Kills one process at a time, at a moment drawn beforehand."""

    home: Home
    draw: random.Random
    killed: Counter[str] = field(default_factory=Counter)

    def kill(self, kind: str) -> bool:
        """Whether there was something of that kind to kill."""
        done = self._kill_short_lived(kind) if kind in _SHORT_LIVED else self._kill_part(kind)
        self.killed[kind] += done
        return done

    def _kill_short_lived(self, kind: str) -> bool:
        """Starts one and kills it somewhere between its start and its usual end."""
        command = _SHORT_LIVED[kind](self.home, self.draw)
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)
        _wait(self.draw.uniform(0.0, 1.0))
        alive = process.poll() is None
        process.kill()
        process.wait()
        return alive

    def _kill_part(self, kind: str) -> bool:
        """Kills trainer or shim of a run at work, by its identity."""
        records = [proc for run_dir in self.home.run_dirs() if (proc := read_proc(run_dir))]
        parts = [proc.trainer if kind == "trainer" else proc.shim for proc in records]
        alive = [part for part in parts if part and is_alive(part)]
        return bool(alive) and signal_process(self.draw.choice(alive), signal.SIGKILL)


def campaign(folder: Path, runs: int, kills: int, seed: int, steps: int, minutes: float) -> dict[str, Any]:
    """Queues the runs, kills, waits for the end, and counts what went wrong.

    Raises TimeoutError when the runs are not over after that time.
    """
    home, draw = Home(folder / "home"), random.Random(seed)
    os.environ[MARK] = str(folder)
    began, deadline = time.monotonic(), time.monotonic() + 60 * minutes
    _queue(home, runs, steps)
    observer, killer, over = Observer(home), Killer(home, draw), threading.Event()
    watching = threading.Thread(target=lambda: _observe(observer, over))
    watching.start()
    try:
        # A kind after the other in a drawn order: each has its share, whatever is there to be killed at a moment.
        wanted = [KINDS[number % len(KINDS)] for number in range(kills)]
        draw.shuffle(wanted)
        while wanted and not _all_finished(home):
            _wait(draw.expovariate(1.5))
            if killer.kill(wanted[-1]):
                wanted.pop()
            else:
                draw.shuffle(wanted)
            _not_after(deadline)
        while not _all_over(home):
            schedule(home)
            _wait(0.2)
            _not_after(deadline)
    finally:
        over.set()
        watching.join()
    return {
        "runs": runs,
        "kills": dict(killer.killed),
        "kills_in_all": killer.killed.total(),
        "seconds": time.monotonic() - began,
        "attempts": sum(view_of(run_dir).attempt for run_dir in home.run_dirs()),
        "resumed_from_checkpoints": _count_events(home, "resumed"),
        "looks": observer.looks,
        "wrong": _wrong(home, folder, observer),
    }


def _queue(home: Home, runs: int, steps: int) -> None:
    plans = PLANS[: max(1, min(len(PLANS), runs // 2))]
    seeds = [word for number in range(-(-runs // len(plans))) for word in ("--seed", str(number + 1))]
    settings = [word for text in (f"steps={steps}", "checkpoint_every=3") for word in ("--set", text)]
    line = [*COMMAND, "--home", str(home.path), "run", *plans, "--recipe", "demo", *seeds, *settings]
    subprocess.run([*line, "--detach", "--retries", "10000"], check=True, stdout=subprocess.DEVNULL)
    assert len(home.run_dirs()) == runs


def _observe(observer: Observer, over: threading.Event) -> None:
    while not over.wait(0.2):
        observer.look()


def _all_finished(home: Home) -> bool:
    return all(view_of(run_dir).status is RunStatus.FINISHED for run_dir in home.run_dirs())


def _all_over(home: Home) -> bool:
    tickets = Tickets(home)
    return not tickets.waiting() and not tickets.started()


def _wrong(home: Home, folder: Path, observer: Observer) -> dict[str, Any]:
    """What must be zero, with the names of what is not."""
    ingest(home)
    stored, lines, gaps = _metric_rows(home), _metric_lines(home), _gaps(home)
    before = _all_rows(home)
    rebuild(home)
    return {
        "not_finished": [r.run_id for r in home.run_dirs() if view_of(r).status is not RunStatus.FINISHED],
        "events_lost": [*gaps, *sorted(map(str, (lines - stored)))],
        "events_duplicated": sorted(map(str, (stored - lines))),
        "tables_that_differ_from_rebuilt": [name for name, rows in _all_rows(home).items() if rows != before[name]],
        "wrong_states": observer.wrong,
        "orphans": _orphans(folder),
        "leases_stuck": [str(path) for path in _locks(home) if locks.is_held(path)],
        "tickets_left": [ticket.run_id for ticket in (*Tickets(home).waiting(), *Tickets(home).started())],
    }


def _metric_lines(home: Home) -> Counter[Any]:
    return Counter(
        (run_dir.run_id, event["attempt"], event["step"], name)
        for run_dir in home.run_dirs()
        for event in parse_lines(run_dir.events.read_bytes())
        if event["kind"] == "metric"
        for name in event["values"]
    )


def _metric_rows(home: Home) -> Counter[Any]:
    with reading(home) as connection:
        return Counter(connection.execute("select run_id, attempt, step, name from metrics").fetchall())


def _gaps(home: Home) -> list[str]:
    """Attempts whose numbered events are not all there."""
    found = []
    for run_dir in home.run_dirs():
        seqs: dict[int, list[int]] = {}
        for event in parse_lines(run_dir.events.read_bytes()):
            seqs.setdefault(event["attempt"], []).append(event["seq"])
        found += [f"{run_dir.run_id}.{a}" for a, seq in seqs.items() if seq != list(range(1, len(seq) + 1))]
    return found


def _all_rows(home: Home) -> dict[str, list[Any]]:
    with reading(home) as connection:
        names = connection.execute("select table_name from duckdb_tables() order by 1").fetchall()
        return {name: sorted(connection.execute(f'from "{name}"').fetchall(), key=repr) for (name,) in names}


def _orphans(folder: Path) -> list[int]:
    """Processes of the campaign that are still there when all is over, but for the last ingests."""
    for _ in range(100):
        left = [found.pid for found in processes_with({MARK: str(folder)}) if is_alive(found)]
        if not left:
            break
        _wait(0.1)
    return left


def _locks(home: Home) -> list[Path]:
    own = [path for run_dir in home.run_dirs() for path in (run_dir.alive_lock, run_dir.shim_lock)]
    return [*home.slots.glob("*.lock"), home.queue / "lock", home.database_lock, *own]


def _count_events(home: Home, kind: str) -> int:
    return sum(
        event["kind"] == kind for run_dir in home.run_dirs() for event in parse_lines(run_dir.events.read_bytes())
    )


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)


def _not_after(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError("the runs are not over in time")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--steps", type=int, default=120, help="of each run; a checkpoint every 3")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=60.0, help="gives up then")
    parser.add_argument("--quick", action="store_true", help="10 kills, 4 runs")
    parser.add_argument("--keep", action="store_true", help="keep the result in benchmarks/results")
    wanted = parser.parse_args()
    runs, kills = (4, 10) if wanted.quick else (wanted.runs, wanted.kills)
    os.chdir(ROOT)
    with TemporaryDirectory() as name:
        result = campaign(Path(name), runs, kills, wanted.seed, wanted.steps, wanted.minutes)
    publish("kill-campaign", {"seed": wanted.seed, **result}, ("duckdb", "torch"), wanted.keep)
    return int(any(result["wrong"].values()) or result["kills_in_all"] < kills)


if __name__ == "__main__":
    sys.exit(main())
