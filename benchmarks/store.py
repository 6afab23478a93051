"""B8: the store: ingest, comparing thousands of runs, the first `compare` after runs ended, several programs at once.

`python -m benchmarks.store [--quick] [--keep] [--shared]`. Every figure is the median of several, with the fastest and
the slowest beside it; what is told of a command is the wall time of a process of its own. `--shared` measures several
programs at once and nothing else.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.common import ROOT, publish
from benchmarks.store_home import PER_STEP, Shape, fill
from store.compare import compare
from store.ingest import ingest
from store.sandbox import query
from workbench.run.layout import Home

COMMAND = (sys.executable, "-P", "-m", "workbench.cli.main")
SUMMARY = "from group_summary where group_kind = 'type'"
BY_RANK = """
select group_name, r_max, count(*) as runs, avg(loss) as loss, stddev(loss) as sd, avg(update_norm) as update_norm
from group_summary join run_summary using (run_id) where group_kind = 'type' group by all order by all
"""
BY_PLAN = """
select plan, group_name, count(*) as seeds, avg(g.trainable_params) as params, avg(update_norm) as update_norm,
  avg(relative_update) as relative_update, avg(quant_error) as quant_error
from group_summary g join runs using (run_id) where group_kind = 'type' group by all order by all
"""
LONG = Shape(plans=8, seeds=1, blocks=16, steps=20_000)
MANY = Shape(plans=400, seeds=5, blocks=16, steps=84)
BIG = Shape(plans=2000, seeds=5, blocks=16, steps=84)
ENDED = Shape(plans=4, seeds=2, blocks=6, steps=100)
SHARED = Shape(plans=40, seeds=5, blocks=16, steps=84)


def smaller(shape: Shape) -> Shape:
    """A twentieth of the runs, or of the steps where the runs are few."""
    if shape.runs > 20:
        return Shape(max(1, shape.plans // 20), shape.seeds, shape.blocks, shape.steps)
    return Shape(shape.plans, shape.seeds, shape.blocks, max(1, shape.steps // 20))


def timed(action: Callable[[], Any], times: int, before: Callable[[], None] = lambda: None) -> list[float]:
    """The wall seconds of every turn; `before` is not counted."""
    took = []
    for _ in range(times):
        before()
        began = time.perf_counter()
        action()
        took.append(time.perf_counter() - began)
    return took


def spread(took: list[float]) -> dict[str, Any]:
    return {"median_s": statistics.median(took), "fastest_s": min(took), "slowest_s": max(took), "times": len(took)}


def remove_results(home: Home) -> None:
    for path in home.path.glob("results*"):
        path.unlink()


def rate(folder: Path, shape: Shape, times: int) -> dict[str, Any]:
    """Metric rows per second into a new database: reading records and logs, making the tables, closing included."""
    home = Home(folder)
    fill(home, shape)
    took = timed(lambda: ingest(home), times, before=lambda: remove_results(home))
    [(rows,)] = query(home, "select count(*) from metrics").rows
    assert rows == shape.metric_rows
    found = spread(took)
    return {"runs": shape.runs, "metric_rows": rows, "rows_per_s": round(rows / found["median_s"]), **found}


def comparison(home: Home, shape: Shape, times: int) -> dict[str, Any]:
    """Group comparisons in a home of many runs, each with opening and closing the database."""
    fill(home, shape)
    [first] = timed(lambda: ingest(home), 1)
    found = compare(home, by="type")
    assert len(found.plans) == shape.plans
    assert len(found.groups) == 2 * shape.plans
    assert len(query(home, SUMMARY, limit=10**6).rows) == 2 * shape.runs
    assert sum(row[2] for row in query(home, BY_RANK).rows) == 2 * shape.runs
    assert len(query(home, BY_PLAN, limit=10**6).rows) == 2 * shape.plans
    some = [f"plan-{number}" for number in range(min(8, shape.plans))]
    return {
        "runs": shape.runs,
        "site_rows": shape.site_rows,
        "metric_rows": shape.metric_rows,
        "database_bytes": home.database.stat().st_size,
        "ingest_of_all_s": first,
        "ingest_of_nothing_new": spread(timed(lambda: ingest(home), times)),
        "compare_all_by_type": {"plans": shape.plans} | spread(timed(lambda: compare(home, by="type"), times)),
        "compare_8_plans_by_type": spread(timed(lambda: compare(home, some, by="type"), times)),
        "groups_by_type_and_rank": spread(timed(lambda: query(home, BY_RANK), times)),
        "groups_by_type_and_plan": spread(timed(lambda: query(home, BY_PLAN, limit=10**6), times)),
        "group_summary_by_type": spread(timed(lambda: query(home, SUMMARY, limit=10**6), times)),
        "command_compare_8_plans": spread(timed(lambda: command(home, "compare", *some), times)),
    }


def command(home: Home, *arguments: str) -> None:
    environment = {**os.environ, "WORKBENCH_HOME": str(home.path)}
    subprocess.run([*COMMAND, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)


def first_compare(home: Home, times: int, first: int = 0) -> dict[str, Any]:
    """`workbench compare` of eight runs that have ended and were not taken in yet, in a process of its own.

    In a home that has results, each turn starts from the database as it was before those runs.
    """
    names = [f"plan-{number}" for number in range(first, first + ENDED.plans)]
    kept = home.path / "kept"
    if home.database.exists():
        shutil.copyfile(home.database, kept)
    fill(home, ENDED, first)

    def forget() -> None:
        remove_results(home)
        if kept.exists():
            shutil.copyfile(kept, home.database)

    return spread(timed(lambda: command(home, "compare", *names), times, before=forget))


def together(home: Home, shape: Shape, seconds: float, others: tuple[str, ...] = ()) -> dict[str, Any]:
    """Four writers, two readers and the others at once: what a turn of each took, waiting included."""
    fill(home, shape)
    ingest(home)
    roles = ("writer",) * 4 + ("reader",) * 2 + others
    said = _run_programs(home, roles, seconds)
    ingest(home)
    [(rows,)] = query(home, "select count(*) from metrics").rows
    steps = sum(answer["steps"] for answer in said)
    found: dict[str, Any] = {"seconds": seconds, "failures": [text for answer in said for text in answer["failures"]]}
    for role in dict.fromkeys(roles):
        turns = [took for name, answer in zip(roles, said, strict=True) if name == role for took in answer["took"]]
        found[f"{role}s"] = latency(turns)
    ours = [took for name, answer in zip(roles, said, strict=True) if name not in others for took in answer["took"]]
    return {**found, "ours": latency(ours), "rows_lost": shape.metric_rows + steps * PER_STEP - rows}


def _run_programs(home: Home, roles: tuple[str, ...], seconds: float) -> list[dict[str, Any]]:
    programs = []
    for number, role in enumerate(roles):
        arguments = [role, str(home.path), f"{number * 64:012x}", str(seconds)]
        line = [sys.executable, "-m", "benchmarks.store_load", *arguments]
        programs.append(subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True))
    said = [program.communicate()[0] for program in programs]
    assert [program.returncode for program in programs] == [0] * len(roles)
    return [json.loads(text) for text in said]


def latency(turns: list[float]) -> dict[str, Any]:
    cuts = statistics.quantiles(turns, n=20)
    return {"turns": len(turns), "p50_s": statistics.median(turns), "p95_s": cuts[-1], "slowest_s": max(turns)}


def shared(folder: Path, quick: bool) -> dict[str, Any]:
    """Several programs at once, without and with one that knows nothing of our lock."""
    return {
        "4 writers, 2 readers": together(Home(folder / "shared"), SHARED, 3 if quick else 20),
        "4 writers, 2 readers, a foreign holder": together(
            Home(folder / "held"), SHARED, 6 if quick else 60, others=("foreign",)
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the size, fewer repetitions")
    parser.add_argument("--keep", action="store_true", help="keep the result in benchmarks/results")
    parser.add_argument("--shared", action="store_true", help="several programs at once and nothing else")
    wanted = parser.parse_args()
    with TemporaryDirectory() as name:
        if wanted.shared:
            result = {"quick": wanted.quick, **shared(Path(name), wanted.quick)}
            publish("store-shared", result, ("duckdb",), wanted.keep)
        else:
            publish("store", whole(Path(name), wanted.quick), ("duckdb",), wanted.keep)


def whole(folder: Path, quick: bool) -> dict[str, Any]:
    """Everything."""
    times = 3 if quick else 9
    long, many, big = (smaller(shape) if quick else shape for shape in (LONG, MANY, BIG))
    return {
        "quick": quick,
        "ingest": {
            "long logs": rate(folder / "long", long, times),
            "many logs": rate(folder / "many", many, times),
        },
        "comparison": comparison(Home(folder / "big"), big, times),
        "first compare of 8 ended runs": {
            "new home": first_compare(Home(folder / "new"), times),
            "home with many runs": first_compare(Home(folder / "big"), times, first=big.plans),
        },
        **shared(folder, quick),
    }


if __name__ == "__main__":
    main()
