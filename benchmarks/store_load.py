"""One of several programs at the same store: `python -m benchmarks.store_load ROLE HOME RUN SECONDS`.

A `writer` appends steps to its run's log and takes them in, a `reader` asks for a curve and the runs, each without a
pause. A `foreign` program knows nothing of our lock: every second it opens the database by duckdb alone, trying again
until it gets it, and keeps it for 100 ms. Prints the seconds that every turn took, waiting included, what failed, and
the steps written, as JSON.
"""

import json
import random
import sys
import time
from pathlib import Path

import duckdb

from benchmarks.store_home import metric_line
from store.ingest import ingest
from store.sandbox import query
from workbench.errors import WorkbenchError
from workbench.run.layout import Home

STEPS = 20
KEPT_SECONDS = 0.1
EVERY_SECONDS = 1.0
CURVE = "select step, avg(value) from run_metrics where run_id = '{run}' and name = 'loss' group by step order by step"
RUNS = "select plan, count(*), avg(loss) from run_summary group by plan"


class Program:
    """One role at one home, counting its turns."""

    def __init__(self, home: Home, run: str) -> None:
        self._home, self._run, self._draw = home, run, random.Random(run)
        self.turns, self.steps = 0, 0

    def writer(self) -> float:
        lines = [metric_line(self._run, 1000 + self.steps + n, self._draw) for n in range(STEPS)]
        self.steps += STEPS
        with self._home.run_dir(self._run).events.open("a", encoding="utf-8") as file:
            file.writelines(lines)
        began = time.perf_counter()
        ingest(self._home)
        return time.perf_counter() - began

    def reader(self) -> float:
        began = time.perf_counter()
        query(self._home, CURVE.format(run=self._run) if self.turns % 2 else RUNS)
        return time.perf_counter() - began

    def foreign(self) -> float:
        began = time.perf_counter()
        connection = self._insist()
        took = time.perf_counter() - began
        time.sleep(KEPT_SECONDS)
        connection.close()
        time.sleep(max(0.0, EVERY_SECONDS - (time.perf_counter() - began)))
        return took

    def _insist(self) -> duckdb.DuckDBPyConnection:
        while True:
            try:
                return duckdb.connect(str(self._home.database))
            except duckdb.IOException:
                time.sleep(0.005)


def main(role: str, folder: str, run: str, seconds: str) -> None:
    program = Program(Home(Path(folder)), run)
    turn = getattr(program, role)
    took, failures = [], []
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        try:
            took.append(turn())
        except WorkbenchError as error:
            failures.append(error.title)
        program.turns += 1
    print(json.dumps({"took": took, "failures": failures, "steps": program.steps}))


if __name__ == "__main__":
    main(*sys.argv[1:])
