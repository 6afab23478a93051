"""What studies cost: `python -m benchmarks.study [--keep]`. Expansion, statistics, and the whole command that reports.

Times are seconds of the clock; the aims are of the issue that asked for them: expansion of 10,000 runs under 1 s,
statistics of a 200-run study under 1 s, its report under 10 s.
"""

import argparse
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.common import publish
from benchmarks.study_home import fill_study
from store.study_results import study_results
from workbench.cli.study_ready import make_ready
from workbench.run.layout import Home
from workbench.run.record import RunRecord
from workbench.study.analysis import analyse
from workbench.study.study import load_study

PACKAGES = ("duckdb", "matplotlib", "numpy", "scipy")
TURNS = 5
_MANY = """model: demo
recipe: demo
defaults: {method: lora, r: 16, alpha: 2r}
factors:
  type: [attn, mlp, all]
  depth: [lower, middle, upper, "*"]
  cut: [2, 4, 8, 16]
  lr: ["*0.5", "*1", "*2", "*4"]
template: "{depth} {type} r/={cut}"
seeds: [SEEDS]
"""


def timed(call: Callable[[], Any]) -> dict[str, Any]:
    seconds = []
    for _ in range(TURNS):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return {"median": statistics.median(seconds), "highest": max(seconds), "turns": TURNS}


def law(record: RunRecord, arm: str) -> dict[str, float]:
    draw = random.Random(f"{arm} {record.seed}")
    loss = 0.5 + 0.02 * record.seed + len(arm) / 500 + draw.gauss(0, 0.005)
    return {"loss": loss, "token_accuracy": 1 - loss / 4, "exact_match": min(1.0, max(0.0, 1.2 - loss))}


def measure(folder: Path) -> dict[str, Any]:
    home = Home(folder / "home")
    (folder / "many.yaml").write_text(_MANY.replace("SEEDS", ", ".join(map(str, range(51)))), encoding="utf-8")
    many = load_study(str(folder / "many.yaml"), home)
    command = [sys.executable, "-P", "-m", "workbench.cli.main", "--home", str(home.path)]
    new = ["study", "new", "rank", "--from", "rank-by-type-and-depth", "--model", "demo", "--seeds", "1-4"]
    subprocess.run([*command, *new], check=True, stdout=subprocess.DEVNULL)
    ready = fill_study(home, "rank", law)
    claims = ready.study.file.claims
    results = study_results(home, "rank")
    report = [*command, "study", "report", "rank", "--html"]
    return {
        "expansion": {"runs": len(make_ready(many, home).expansion.members), **timed(lambda: make_ready(many, home))},
        "statistics": {
            "runs": len(ready.expansion.members),
            "of_all_metrics": timed(lambda: [analyse(results.outcomes(name), claims) for name in results.values]),
            "with_reading": timed(lambda: analyse(study_results(home, "rank").outcomes("loss"), claims)),
        },
        "report": {
            "html": timed(lambda: subprocess.run(report, check=True, stdout=subprocess.DEVNULL)),
            "bytes": (home.studies / "rank" / "report.html").stat().st_size,
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="write the result to benchmarks/results")
    chosen = parser.parse_args()
    with TemporaryDirectory() as folder:
        publish("study", measure(Path(folder)), PACKAGES, chosen.keep)


if __name__ == "__main__":
    main()
