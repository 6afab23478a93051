"""Every adapter method on every base format, the same steps on the CPU and on a GPU, both in fp32.

`python -m benchmarks.gpu_methods [NAME...]`. The demo base, no dropout, the same data and first weights: what
differs is the device. Prints one line of JSON per plan: the losses of both and the largest relative difference.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

import workbench.demo
from benchmarks.method_lines import LINES
from workbench.data.load import load_data
from workbench.data.tokenize import tokenize
from workbench.plan.catalogue import INITS
from workbench.plan.files import check_text, plan_or_raise
from workbench.run.identity import make_record
from workbench.run.layout import Home
from workbench.run.recipe import Recipe
from workbench.run.record import RunRecord
from workbench.train.adapters import build_adapters
from workbench.train.audit import audit
from workbench.train.base import load_base
from workbench.train.batches import pad_id_of
from workbench.train.libraries import prepare_libraries
from workbench.train.loop import LoopHooks, Trainer, run_loop
from workbench.train.stop import StopFlag
from workbench.train.tokenizer import load_tokenizer

STEPS = 10
BASES = ("nf4", "fp4", "int8", "int4", "bf16", "fp32")
DATA = Path(workbench.demo.__file__).parent / "data" / "train.jsonl"
_RECIPE = Recipe(data=str(DATA), max_length=32, steps=STEPS, batch=16, lr=3e-3, clip=1.0, compute_dtype="fp32")


def plans() -> dict[str, str]:
    """Plan files by name: every method as the methods benchmark has it, plain LoRA on every base format and with every
    start."""
    methods = {line.name: line.plan for line in LINES}
    rule = 'rules:\n  - "* all"\n'
    bases = {
        f"lora-on-{base}": f"name: lora-on-{base}\nmodel: demo\nbase: {base}\n"
        f"defaults: {{method: lora, alpha: 2r, r: 8}}\n{rule}"
        for base in BASES
    }
    starts = {
        f"lora-{init}": f"name: lora-{init}\nmodel: demo\nbase: nf4\n"
        f"defaults: {{method: lora, alpha: 2r, r: 8, init: {init}}}\n{rule}"
        for init in INITS
    }
    return {**methods, **bases, **starts}


def compare(name: str, text: str, folder: Path) -> dict[str, Any]:
    """The losses and gradient norms of the first steps on both devices."""
    plan = plan_or_raise(check_text(text, folder / f"{name}.yaml", Home(folder)), name)
    data = load_data(_RECIPE)
    record = make_record(plan, "benchmark", _RECIPE, data, "0" * 64, 1, {"total": 0})
    found = {device: _steps(record, data, torch.device(device)) for device in ("cpu", "cuda")}
    pairs = list(zip(found["cpu"], found["cuda"], strict=True))
    return {
        "name": name,
        "loss": {device: [steps[0][0], steps[-1][0]] for device, steps in found.items()},
        "first_loss_gap": _gap(*pairs[0], 0),
        "largest_loss_gap": max(_gap(*pair, 0) for pair in pairs),
        "largest_grad_norm_gap": max(_gap(*pair, 1) for pair in pairs),
        "learns": all(steps[-1][0] < steps[0][0] for steps in found.values()),
    }


def _gap(one: tuple[float, float], other: tuple[float, float], which: int) -> float:
    return abs(one[which] - other[which]) / abs(one[which])


def _steps(record: RunRecord, data: Any, device: torch.device) -> list[tuple[float, float]]:
    base = load_base(record, device, torch.float32)
    tokenizer = load_tokenizer(record.model_path)
    examples = tokenize(data.training, tokenizer, _RECIPE.max_length, "training").examples
    model, clock = build_adapters(base.model, record, base.starts)
    if differences := audit(model, record):
        raise RuntimeError(f"the audit found {differences}")
    trainer = Trainer(model, clock, _RECIPE, pad_id_of(tokenizer), lambda message: None)
    found: list[tuple[float, float]] = []
    hooks = LoopHooks(
        lambda step, metrics: found.append((metrics.loss, metrics.grad_norm)), lambda step: True, lambda message: None
    )
    run_loop(trainer, examples, record.seed, hooks, StopFlag())
    return found


def main(names: Sequence[str]) -> None:
    prepare_libraries()
    torch.backends.cuda.matmul.allow_tf32 = False
    with TemporaryDirectory() as folder:
        for name, text in plans().items():
            if names and name not in names:
                continue
            try:
                found = compare(name, text, Path(folder))
            except Exception as error:  # one that fails is a finding, and the others go on
                found = {"name": name, "error": f"{type(error).__name__}: {error}"}
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
