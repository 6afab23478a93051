"""Every method on the demo base by the real command, at nearly equal trainable parameters.

`python -m benchmarks.methods [--quick] [--keep] [--scan] [--home DIR]`. A line is a plan of `benchmarks.method_lines`,
trained with the demo recipe at half, once and twice its learning rate, with three seeds each. Finished runs are
answered from the home, so a benchmark that was stopped goes on. `--scan` is what the middle rates were chosen by: many
rates, and one seed that is not measured with.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from benchmarks.common import ROOT, publish
from benchmarks.method_lines import LINES, Line

PACKAGES = ("torch", "transformers", "peft", "bitsandbytes")
SEEDS = (1, 2, 3)
FACTORS = (0.5, 1.0, 2.0)
SCAN_SEED = 0
SCAN_RATES = (1.5e-3, 3e-3, 6e-3, 12e-3, 24e-3, 48e-3)
QUICK_LINES = ("lora", "lora-int4-r2", "qalora")
MEASURED = ("loss", "exact_match", "loss@int4", "exact_match@int4")


Answers = dict[tuple[str, float], list[dict[str, Any]]]


def run_lines(home: Path, asked: Iterable[tuple[Line, float]], seeds: Sequence[int], changes: Sequence[str]) -> Answers:
    """The answers of the command by line and rate, one per seed. Lines with the same base and rate are one command, so
    that two runs are always under way."""
    together: dict[tuple[float, str], list[Line]] = defaultdict(list)
    for line, rate in asked:
        together[rate, line.base[0]].append(line)
    found: Answers = defaultdict(list)
    for (rate, base), lines in together.items():
        merging = ["merge_eval=[int4]"] if base == "int4" else []
        for answer in _command(home, lines, seeds, [f"lr={rate:g}", *merging, *changes]):
            found[answer["plan"], rate].append(answer)
        print(f"lr {rate:g}: {', '.join(line.name for line in lines)}", file=sys.stderr, flush=True)
    return found


def _command(home: Path, lines: Sequence[Line], seeds: Sequence[int], changes: Sequence[str]) -> list[dict[str, Any]]:
    """`workbench run`; a run that failed is an answer too. Raises RuntimeError where the command gives no answers."""
    plans = [str(home / "plans" / f"{line.name}.yaml") for line in lines]
    words = [f"--seed={seed}" for seed in seeds] + [f"--set={change}" for change in changes]
    start = [sys.executable, "-P", "-m", "workbench.cli.main", "--home", str(home), "run", *plans]
    done = subprocess.run(
        [*start, "--recipe=demo", *words, "--jobs=2", "--threads=1"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode not in (0, 1) or not done.stdout.strip():
        raise RuntimeError(f"workbench run: exit code {done.returncode}\n{done.stderr}")
    answers = json.loads(done.stdout)
    return answers if isinstance(answers, list) else [answers]


def write_plans(home: Path, lines: Sequence[Line]) -> None:
    folder = home / "plans"
    folder.mkdir(parents=True, exist_ok=True)
    for line in lines:
        (folder / f"{line.name}.yaml").write_text(line.plan, encoding="utf-8")


def at_rate(lr: float, answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean and standard deviation over the seeds, and every seed; no means where a run failed."""
    seeds = [{"seed": answer["seed"], "status": answer["status"], **answer["eval"]} for answer in answers]
    whole = {"lr": lr, "seeds": seeds}
    if any(answer["status"] != "finished" for answer in answers):
        return whole
    names = [name for name in MEASURED if name in answers[0]["eval"]]
    return {**whole, **{name: _mean([answer["eval"][name] for answer in answers]) for name in names}}


def _mean(values: Sequence[float]) -> dict[str, float | None]:
    return {"mean": statistics.mean(values), "sd": statistics.stdev(values) if len(values) > 1 else None}


def line_result(line: Line, by_rate: Sequence[dict[str, Any]], trainable: dict[str, int]) -> dict[str, Any]:
    """A line with its rates; `best` is the rate with the lowest mean loss, on the examples that are reported."""
    eligible = [rate for rate in by_rate if "loss" in rate]
    best = min(eligible, key=lambda rate: rate["loss"]["mean"]) if eligible else None
    counted, reference = trainable[line.name], trainable[line.against]
    return {
        "name": line.name,
        "method": line.method,
        "base": line.base[0],
        "plan": line.plan,
        "note": line.note,
        "trainable": counted,
        "against": line.against,
        "deviation": counted / reference - 1,
        "middle_rate": line.rate,
        "best": {key: value for key, value in best.items() if key != "seeds"} if best else None,
        "rates": list(by_rate),
    }


def measure(
    home: Path, lines: Sequence[Line], seeds: Sequence[int], factors: Sequence[float], changes: list[str]
) -> Any:
    """Every line at every factor of its rate."""
    write_plans(home, lines)
    rates = {line.name: [line.rate * factor for factor in factors] for line in lines}
    found = run_lines(home, [(line, rate) for line in lines for rate in rates[line.name]], seeds, changes)
    trainable = {name: answers[0]["trainable_params"] for (name, _), answers in found.items()}
    results = []
    for line in lines:
        by_rate = [at_rate(rate, found[line.name, rate]) for rate in rates[line.name]]
        results.append(line_result(line, by_rate, trainable))
    return results


def scan(home: Path) -> dict[str, dict[str, float]]:
    """The loss of every line at every rate of the scan, with one seed that is not measured with."""
    write_plans(home, LINES)
    found = run_lines(home, [(line, rate) for line in LINES for rate in SCAN_RATES], (SCAN_SEED,), ())
    return {
        line.name: {f"{rate:g}": found[line.name, rate][0]["eval"].get("loss") for rate in SCAN_RATES} for line in LINES
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two lines, one seed and rate, ten steps")
    parser.add_argument("--keep", action="store_true", help="write the result to benchmarks/results")
    parser.add_argument("--scan", action="store_true", help="the coarse scan of learning rates instead")
    parser.add_argument("--home", type=Path, default=Path(gettempdir()) / "adapter-workbench-methods")
    chosen = parser.parse_args()
    home = chosen.home.absolute()
    if chosen.scan:
        publish("methods-scan", {"seed": SCAN_SEED, "loss": scan(home)}, PACKAGES, chosen.keep)
        return
    lines = tuple(line for line in LINES if line.name in QUICK_LINES) if chosen.quick else LINES
    seeds, factors = (SEEDS[:1], (1.0,)) if chosen.quick else (SEEDS, FACTORS)
    results = measure(home, lines, seeds, factors, ["steps=10"] if chosen.quick else [])
    publish("methods", {"seeds": seeds, "factors": factors, "lines": results}, PACKAGES, chosen.keep)


if __name__ == "__main__":
    main()
