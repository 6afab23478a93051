"""B5 on a GPU: the estimated peak of memory against the allocator's, one configuration after the other.

`python -m benchmarks.gpu_memory FOLDER DATA [NAME...]`: FOLDER is a model, DATA a file of examples longer than every
sequence here; without names, all configurations. Prints one line of JSON per configuration.
"""

import gc
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from workbench.data.load import load_data
from workbench.data.tokenize import tokenize
from workbench.plan.edit import new_plan_text
from workbench.plan.files import check_text, plan_or_raise
from workbench.plan.memory import memory
from workbench.plan.plan import Plan
from workbench.run.identity import make_record
from workbench.run.layout import Home
from workbench.run.recipe import Recipe
from workbench.train.adapters import build_adapters
from workbench.train.base import load_base
from workbench.train.batches import pad_id_of
from workbench.train.checkpointing import enable_checkpointing
from workbench.train.libraries import prepare_libraries
from workbench.train.loop import LoopHooks, Trainer, run_loop
from workbench.train.stop import StopFlag
from workbench.train.tokenizer import load_tokenizer

_STEPS = 3
_LORA = {"method": "lora", "r": 16, "dropout": 0.0}


@dataclass(frozen=True, slots=True)
class Case:
    """A plan and how it is trained: `rules` of the plan, `batch` sequences of `length` tokens."""

    name: str
    base: str = "nf4"
    rules: tuple[str, ...] = ("* all",)
    method: str = "lora"
    dropout: float = 0.0
    batch: int = 4
    length: int = 512
    optimizer: str = "adamw"
    checkpointing: bool = False
    compute_dtype: str = "bf16"


CASES = (
    Case("nf4, all sites"),
    Case("one sequence", batch=1),
    Case("eight of 1024", batch=8, length=1024),
    Case("checkpointing", checkpointing=True),
    Case("checkpointing, eight of 1024", batch=8, length=1024, checkpointing=True),
    Case("q and v", rules=("* q,v",)),
    Case("MLP", rules=("* mlp",)),
    Case("last quarter", rules=("12-15 all",)),
    Case("dropout", dropout=0.05),
    Case("8-bit moments", optimizer="adamw_8bit"),
    Case("paged moments", optimizer="paged_adamw_32bit"),
    Case("MeZO", optimizer="mezo"),
    Case("fp32", compute_dtype="fp32"),
    Case("int8", base="int8"),
    Case("int4", base="int4"),
    Case("bf16 base", base="bf16"),
    Case("DoRA", method="dora"),
    Case("rsLoRA", method="rslora"),
    Case("int8 attention, nf4 MLP", rules=("* all", "* attn base=int8")),
)


def measure(case: Case, model: str, data_file: str, folder: Path) -> dict[str, Any]:
    """Estimated and measured bytes of one configuration; the device's context is in neither."""
    recipe = _recipe(case, data_file)
    plan = _plan(case, model, folder)
    predicted = memory(
        plan, case.batch * case.length, case.compute_dtype, case.optimizer, case.checkpointing, "cuda:0", case.length
    )
    losses, loading, peak, reserved, context = _train(case, plan, recipe)
    expected = predicted.total - predicted.context
    return {
        "name": case.name,
        "predicted": expected,
        "measured": peak,
        "ratio": peak / expected,
        "loading": loading,
        "reserved_over_allocated": reserved / peak,
        "context": context,
        "parts": predicted.parts(),
        "losses": losses,
    }


def _recipe(case: Case, data_file: str) -> Recipe:
    return Recipe(
        data=data_file,
        max_length=case.length,
        steps=_STEPS,
        batch=case.batch,
        optimizer=case.optimizer,
        gradient_checkpointing=case.checkpointing,
        compute_dtype=case.compute_dtype,
        schedule="constant",
    )


def _plan(case: Case, model: str, folder: Path) -> Plan:
    settings = {**_LORA, "method": case.method, "dropout": case.dropout}
    text = new_plan_text("case", model, case.base, list(case.rules), settings)
    return plan_or_raise(check_text(text, folder / "case.yaml", Home(folder)), "case")


def _train(case: Case, plan: Plan, recipe: Recipe) -> tuple[list[float], int, int, int, int]:
    """Losses, and bytes: the peak of loading, that of training, what the allocator reserved, what is outside it."""
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    data, device = load_data(recipe), torch.device("cuda", 0)
    record = make_record(plan, "benchmark", recipe, data, "0" * 64, 1, {"total": 0})
    base = load_base(record, device, {"bf16": torch.bfloat16, "fp32": torch.float32}[case.compute_dtype])
    loading = torch.cuda.max_memory_allocated()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    tokenizer = load_tokenizer(record.model_path)
    examples = tokenize(data.training, tokenizer, recipe.max_length, "training").examples
    assert all(len(example.ids) == case.length for example in examples)
    model, clock = build_adapters(base.model, record)
    if case.checkpointing:
        enable_checkpointing(model, record)
    trainer = Trainer(model, clock, recipe, pad_id_of(tokenizer), lambda message: None)
    losses: list[float] = []
    hooks = LoopHooks(lambda step, found: losses.append(found.loss), lambda step: True, lambda message: None)
    run_loop(trainer, examples, 1, hooks, StopFlag())
    free, total = torch.cuda.mem_get_info()
    reserved = torch.cuda.memory_reserved()
    peaks = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
    return losses, loading, *peaks, total - free - reserved


def main(arguments: Sequence[str]) -> None:
    model, data_file, *names = arguments
    prepare_libraries()
    with TemporaryDirectory() as folder:
        for case in (case for case in CASES if not names or case.name in names):
            began = time.monotonic()
            try:
                found = measure(case, model, data_file, Path(folder))
            except Exception as error:  # one that fails is a finding, and the others go on
                found = {"name": case.name, "error": f"{type(error).__name__}: {error}"}
            print(json.dumps({**found, "seconds": time.monotonic() - began}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
