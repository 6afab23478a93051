"""Every method on every base format, through real runs: trained, reloaded, exported, merged; with measured errors.

`python -m benchmarks.proof [--write FILE] [--keep]`. Each cell is a run of `workbench run` on the demo base, with the
same recipe. `--write` puts the table into a page between two marks.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from benchmarks.common import ROOT, publish
from workbench.errors import InvalidError
from workbench.plan.catalogue import CATALOGUE, NONE
from workbench.plan.formats import FORMATS
from workbench.plan.merge_target import Target
from workbench.plan.model_map import load_map
from workbench.plan.settings import AdapterSettings
from workbench.run.layout import Home, RunDir
from workbench.train.export import Wanted, write_checkpoint
from workbench.train.merge import total
from workbench.train.merge_report import evaluator_of
from workbench.train.merged_folder import Source, load_merged, write_merged
from workbench.train.open_run import OpenRun, open_run
from workbench.train.proof import prove
from workbench.train.proof_site import Case
from workbench.train.trained_base import write_trained_base

COMMAND = (sys.executable, "-P", "-m", "workbench.cli.main")
METHODS = tuple(name for name in CATALOGUE if name != NONE)
RECIPE = """data: {data}
eval_data: {eval_data}
max_length: 32
steps: 20
batch: 16
lr: 1e-2
clip: 1.0
"""
DEMO = ROOT / "workbench/demo/data"
EXAMPLES = 48  # of the evaluation set: the losses here only tell that training works
IDS = torch.randint(3, 90, (4, 24), generator=torch.Generator().manual_seed(0))
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
SHAPES = ((64, 64), (32, 192), (160, 64))  # (out, in): square, wide, tall
EXACT = 1e-5
ROUNDED = 2e-2  # a bf16 site multiplies in bf16, its dense copy in fp32


@dataclass(frozen=True, slots=True)
class Cell:
    """One method on one format: the loss before and after, and in words what came of the rest."""

    method: str
    base: str
    formula: str
    before: float
    after: float
    reload: str
    export: str
    merge: str


def plan_text(method: str, base: str) -> str:
    rule = "" if method == NONE else f'rules: ["* all method={method} r=4"]\n'
    return f"name: {method}-{base}\nmodel: demo\nbase: {base}\n{rule}"


def train(folder: Path) -> dict[str, RunDir]:
    """One run per method and format, and one reference per format; by the plan's name."""
    with (DEMO / "eval.jsonl").open(encoding="utf-8") as file:
        lines = [next(file) for _ in range(EXAMPLES)]
    (folder / "eval.jsonl").write_text("".join(lines), encoding="utf-8")
    recipe = RECIPE.format(data=DEMO / "train.jsonl", eval_data=folder / "eval.jsonl")
    (folder / "recipe.yaml").write_text(recipe, encoding="utf-8")
    plans = []
    for method in (NONE, *METHODS):
        for base in FORMATS:
            plans.append(f"{method}-{base}.yaml")
            (folder / plans[-1]).write_text(plan_text(method, base), encoding="utf-8")
    environment = {**os.environ, "WORKBENCH_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    words = [*COMMAND, "run", *plans, "--recipe", "recipe.yaml", "--jobs", "2", "--threads", "1"]
    done = subprocess.run(words, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, check=True)
    home = Home(folder / "home")
    return {row["plan"]: home.run_dir(row["run_id"]) for row in json.loads(done.stdout)}


def final_loss(run_dir: RunDir) -> float:
    events = [json.loads(line) for line in run_dir.events.read_text(encoding="utf-8").splitlines()]
    losses = [event["values"]["loss"] for event in events if event["kind"] == "eval" and event["evaluator"] == "loss"]
    return float(losses[-1])


def measure(method: str, base: str, runs: dict[str, RunDir], folder: Path) -> Cell:
    run_dir = runs[f"{method}-{base}"]
    opened = open_run(run_dir)
    source = Source(opened.record, run_dir.adapter, Path(opened.record.model_path), load_map("demo").family)
    # nothing is dropped in this plan; int8 layers quantize their inputs too in eval mode, which is no matter of weights
    logits = _logits(opened.model.train())
    opened.model.eval()
    exact = ROUNDED if base == "bf16" else EXACT
    cell = Cell(
        method,
        base,
        formula=_formula(method, base),
        before=final_loss(runs[f"{NONE}-{base}"]),
        after=final_loss(run_dir),
        reload=_reload(opened, source, final_loss(run_dir)),
        export=_export(source, logits, folder, exact),
        merge=_merge(source, logits, folder, exact),
    )
    print(cell, file=sys.stderr, flush=True)
    return cell


def _formula(method: str, base: str) -> str:
    """One site of every shape against float64: the output and every gradient; on bf16, of the adapter's part."""
    takes = CATALOGUE[method].parameters
    own = {key: value if key in takes else 1 for key, value in (("balance", 2), ("pool", 32))}
    adapter = AdapterSettings(method, 4, 8.0, **own)
    proofs = [prove(Case(adapter, FORMATS[base].settings(), columns, rows, bias=True)) for rows, columns in SHAPES]
    return _passed(max((p.adapter if base == "bf16" else p.whole).largest for p in proofs), EXACT)


@torch.no_grad()
def _logits(model: Any) -> torch.Tensor:
    logits: torch.Tensor = model(input_ids=IDS).logits
    return logits


def _error(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).abs().max() / wanted.abs().max())


def _passed(error: float, exact: float) -> str:
    return f"{'pass' if error <= exact else 'FAIL'} {error:.0e}"


def _reload(opened: OpenRun, source: Source, logged: float) -> str:
    """The evaluation of the reloaded run against what the run itself has logged."""
    [loss] = [e.value for e in evaluator_of(opened.record, source.model)(opened.model) if e.evaluator == "loss"]
    return "pass, bit for bit" if loss == logged else f"FAIL {abs(loss - logged):.0e}"


def _export(source: Source, logits: torch.Tensor, folder: Path, exact: float) -> str:
    """Logits through plain peft, on the dequantized base in fp32."""
    adapter, base = _empty(folder / "adapter"), _empty(folder / "base")
    try:
        write_checkpoint(source.record, source.adapter, Wanted(), adapter)
    except InvalidError as error:
        return f"not possible: {error.title.partition(': ')[2]}"
    write_trained_base(source, "fp32", base)
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    return _passed(_error(_logits(PeftModel.from_pretrained(plain, adapter).eval()), logits), exact)


def _merge(source: Source, logits: torch.Tensor, folder: Path, exact: float) -> str:
    """Into fp32, and into 4 bits where the base has a format to go to: int4 from int4, else nf4."""
    dense = _passed(_merged(source, Target("fp32"), logits, folder)[0], exact)
    stored = source.record.sites[0].base
    if not FORMATS[stored].quantized:
        return f"fp32 {dense}"
    into = "int4" if stored == "int4" else "nf4"
    error, kept = _merged(source, Target(into), logits, folder)
    if error <= exact:
        return f"fp32 {dense}; {into} {_passed(error, exact)}, lossless"
    return f"fp32 {dense}; {into} not without loss: {kept:.0%} kept, logits {error:.0e}"


def _merged(source: Source, target: Target, logits: torch.Tensor, folder: Path) -> tuple[float, float]:
    to = _empty(folder / "merged")
    kept = total(write_merged(source, target, to).values())
    return _error(_logits(load_merged(to)), logits), kept.fraction or 0.0


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def table(cells: list[Cell]) -> str:
    head = ("method", "base", "formula", "train: loss of 20 steps", "reload", "export to plain peft", "merge")
    rows = [
        (
            f"`{cell.method}`",
            f"`{cell.base}`",
            cell.formula,
            f"{'pass' if cell.after < cell.before else 'FAIL'} {cell.before:.2f} → {cell.after:.2f}",
            cell.reload,
            cell.export,
            cell.merge,
        )
        for cell in cells
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", metavar="FILE", type=Path, help="put the table into this page")
    parser.add_argument("--keep", action="store_true", help="keep the result in benchmarks/results")
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory() as name:
        folder = Path(name)
        runs = train(folder)
        cells = [measure(method, base, runs, folder) for method in METHODS for base in FORMATS]
    text = table(cells)
    if wanted.write:
        page = wanted.write.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        after = rest.partition(END)[2]
        wanted.write.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
    result = {"cells": [{name: getattr(cell, name) for name in Cell.__slots__} for cell in cells]}
    publish("proof", result, ("torch", "transformers", "peft", "bitsandbytes"), wanted.keep)
    print(text, file=sys.stderr)
    if "FAIL" in text:
        sys.exit("a cell has failed")


if __name__ == "__main__":
    main()
