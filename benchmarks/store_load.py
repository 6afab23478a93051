"""One of several programs at the same store: `python -m benchmarks.store_load writer|reader HOME RUN SECONDS`.

A writer appends steps to its run's log and takes them in, a reader asks for a curve and the runs. Prints what each
turn took, in seconds, as a JSON list.
"""

import json
import random
import sys
import time
from pathlib import Path

from benchmarks.store_home import metric_line
from store.ingest import ingest
from store.sandbox import query
from workbench.run.layout import Home

STEPS = 20
CURVE = "select step, avg(value) from run_metrics where run_id = '{run}' and name = 'loss' group by step order by step"
RUNS = "select plan, count(*), avg(loss) from run_summary group by plan"


def main(role: str, folder: str, run: str, seconds: str) -> None:
    home, draw, took = Home(Path(folder)), random.Random(run), []
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        if role == "writer":
            first = len(took) * STEPS
            lines = [metric_line(run, 1000 + first + n, draw) for n in range(STEPS)]
            with home.run_dir(run).events.open("a", encoding="utf-8") as file:
                file.writelines(lines)
        began = time.perf_counter()
        if role == "writer":
            ingest(home)
        else:
            query(home, CURVE.format(run=run) if len(took) % 2 else RUNS)
        took.append(time.perf_counter() - began)
    print(json.dumps(took))


if __name__ == "__main__":
    main(*sys.argv[1:])
