"""One side of the step benchmark in its own process: `python -m benchmarks.train_sides JSON`.

`workbench` is the trainer's own parts in the order of `workbench.train.train_run`, event log included. `plain` is the
loop that one writes with transformers, peft and bitsandbytes alone. Both get the same model folder, examples, order,
batches, first weights of the adapters, AdamW, clipping and schedule, and both know loss and gradient norm after every
step. Each step is a line of JSON on stdout, each waits for a line on stdin, and the last line is memory above what
the libraries take: the resident set on the CPU, the allocator's peak on a GPU.

On a GPU there are two plain sides. `plain` is QLoRA's own: peft's preparation, which holds embeddings, head and norms
in fp32, under autocast. `plain_bf16` leaves the preparation out, so that these stay in bf16 as ours do.
"""

import itertools
import json
import logging
import math
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import bitsandbytes as bnb
import torch
from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
from torch import nn
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, get_scheduler

from workbench.data.load import DataSet, load_data
from workbench.data.tokenize import tokenize
from workbench.data.tokens import TokenizedExample
from workbench.plan.edit import new_plan_text
from workbench.plan.files import check_text, plan_or_raise
from workbench.randomness import derive_seed
from workbench.run.events import EventLog
from workbench.run.identity import make_record
from workbench.run.layout import Home
from workbench.run.recipe import Recipe
from workbench.train.adapters import build_adapters
from workbench.train.audit import audit
from workbench.train.base import load_base
from workbench.train.batches import IGNORED, pad_id_of
from workbench.train.loop import LoopHooks, Trainer, run_loop
from workbench.train.stop import StopFlag
from workbench.train.tokenizer import load_tokenizer

SEED = 1
_STATUS = Path("/proc/self/status")


class Meter:
    """Takes the figures of every step, says them, and waits for the word to go on; the wait is in no figure."""

    def __init__(self, on_gpu: bool) -> None:
        self._on_gpu = on_gpu
        self._imported = self._now()

    def begin(self) -> None:
        """The base is loaded, the adapters are on it, the first step comes."""
        self._loading_peak, self._loaded = self._peak(), self._now()
        if self._on_gpu:
            torch.cuda.reset_peak_memory_stats()
        else:
            Path("/proc/self/clear_refs").write_text("5")  # sets VmHWM back, so that training has a peak of its own
        self._say_and_wait({"ready": True})

    def step(self, loss: float, grad_norm: float) -> None:
        if self._on_gpu:
            torch.cuda.synchronize()  # the optimizer's work belongs to this step, not to the wait after it
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        self._say_and_wait({"loss": loss, "grad_norm": grad_norm, "wall": wall, "cpu": cpu})

    def end(self) -> None:
        peak = self._peak()
        memory = {"whole": max(peak, self._loading_peak), "training": peak, "after_loading": self._loaded}
        print(json.dumps({name: value - self._imported for name, value in memory.items()}), flush=True)

    def _now(self) -> int:
        return torch.cuda.memory_allocated() if self._on_gpu else _status("VmRSS")

    def _peak(self) -> int:
        return torch.cuda.max_memory_allocated() if self._on_gpu else _status("VmHWM")

    def _say_and_wait(self, figures: dict[str, Any]) -> None:
        print(json.dumps(figures), flush=True)
        sys.stdin.readline()
        self._wall, self._cpu = time.perf_counter(), time.process_time()


def _status(key: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{key}:"))
    return int(line.split()[1]) * 1024


def first_weights(site: str, a: torch.Tensor, b: torch.Tensor) -> None:
    """Fills A and B of a site with normal numbers of its own; B small and not zero, so that A learns at once."""
    generator = torch.Generator().manual_seed(derive_seed(SEED, "benchmark", site))
    with torch.no_grad():  # drawn on the CPU, so that they are the same on every device
        a.copy_(torch.empty(a.shape).normal_(std=1 / math.sqrt(a.shape[1]), generator=generator))
        b.copy_(torch.empty(b.shape).normal_(std=0.01, generator=generator))


def _fill(model: nn.Module) -> None:
    for name, module in model.named_modules():
        if hasattr(module, "lora_A"):
            first_weights(
                name.removeprefix("base_model.model."), module.lora_A.default.weight, module.lora_B.default.weight
            )


def _recipe(case: dict[str, Any]) -> Recipe:
    keys = ("max_length", "batch", "lr", "clip", "warmup")
    dtype = "bf16" if case["on_gpu"] else "fp32"
    return Recipe(data=case["data"], steps=case["steps"], compute_dtype=dtype, **{key: case[key] for key in keys})


def _device(case: dict[str, Any]) -> torch.device:
    return torch.device("cuda", 0) if case["on_gpu"] else torch.device("cpu")


def _dtype(case: dict[str, Any]) -> torch.dtype:
    return torch.bfloat16 if case["on_gpu"] else torch.float32


def workbench(case: dict[str, Any], meter: Meter) -> None:
    """Trains as a run of the workbench does, from a plan."""
    recipe = _recipe(case)
    data = load_data(recipe)
    with TemporaryDirectory() as folder:
        record = _record(case, recipe, data, Path(folder))
        base = load_base(record, _device(case), _dtype(case))
        tokenizer = load_tokenizer(case["model"])
        training = tokenize(data.training, tokenizer, recipe.max_length, "training")
        model, clock = build_adapters(base.model, record)
        if differences := audit(model, record):
            raise RuntimeError(f"the audit found {differences}")
        _fill(model)
        log = EventLog(Path(folder) / "events.jsonl", record.run_id, 1)
        trainer = Trainer(model, clock, recipe, pad_id_of(tokenizer), lambda message: None)

        def on_step(step: int, metrics: Any) -> None:
            log.write("metric", step=step, values=asdict(metrics))
            meter.step(metrics.loss, metrics.grad_norm)

        meter.begin()
        run_loop(trainer, training.examples, SEED, LoopHooks(on_step, lambda step: None, lambda text: None), StopFlag())
        log.close()


def _record(case: dict[str, Any], recipe: Recipe, data: DataSet, folder: Path) -> Any:
    settings = {"r": case["rank"], "dropout": case["dropout"]}
    text = new_plan_text("all", case["model"], "nf4", ["* all"], settings)
    plan = plan_or_raise(check_text(text, folder / "all.yaml", Home(folder)), "all")
    return make_record(plan, "benchmark", recipe, data, "0" * 64, SEED, {"total": 0})


def plain(case: dict[str, Any], meter: Meter) -> None:
    """Trains with the libraries alone, as QLoRA's authors do."""
    base = prepare_model_for_kbit_training(_plain_base(case), use_gradient_checkpointing=False)
    _train_plain(case, meter, base, autocast=case["on_gpu"])


def plain_bf16(case: dict[str, Any], meter: Meter) -> None:
    """Trains with the libraries alone, all of the base in bf16: less memory, and faster."""
    base = _plain_base(case)
    base.requires_grad_(False)
    _train_plain(case, meter, base, autocast=False)


def _train_plain(case: dict[str, Any], meter: Meter, base: Any, autocast: bool) -> None:
    recipe = _recipe(case)
    examples = load_data(recipe).training
    tokenizer = load_tokenizer(case["model"])
    tokens = tokenize(examples, tokenizer, recipe.max_length, "training").examples
    model = get_peft_model(base, _plain_config(case))
    _fill(model)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=recipe.lr, weight_decay=0.0)
    schedule = get_scheduler(recipe.schedule, optimizer, recipe.warmup_steps, recipe.steps)
    model.train()
    meter.begin()
    for batch in _plain_batches(tokens, recipe, pad_id_of(tokenizer)):
        on_device = {key: value.to(_device(case)) for key, value in batch.items()}
        with torch.autocast("cuda", torch.bfloat16, enabled=autocast):
            loss = model(**on_device, use_cache=False).loss
        loss.backward()
        norm = nn.utils.clip_grad_norm_(parameters, recipe.clip)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        meter.step(loss.item(), norm.item())


def _plain_base(case: dict[str, Any]) -> Any:
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=_dtype(case),
    )
    base = AutoModelForCausalLM.from_pretrained(
        case["model"],
        dtype=_dtype(case),
        device_map={"": _device(case)},
        quantization_config=config,
        attn_implementation="sdpa",
    )
    for layer in base.modules():
        if isinstance(layer, bnb.nn.Linear4bit):
            layer.support_avx512bf16_for_cpu = False  # nothing is evaluated here, but let both sides be alike
    return base


def _plain_config(case: dict[str, Any]) -> LoraConfig:
    return LoraConfig(
        r=case["rank"],
        lora_alpha=2 * case["rank"],
        lora_dropout=case["dropout"],
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        task_type="CAUSAL_LM",
    )


def _plain_batches(
    tokens: Sequence[TokenizedExample], recipe: Recipe, pad_id: int
) -> Iterator[dict[str, torch.Tensor]]:
    order = _order(len(tokens))
    for _ in range(recipe.steps or 0):
        yield _plain_batch([tokens[i] for i in itertools.islice(order, recipe.batch)], pad_id)


def _order(count: int) -> Iterator[int]:
    """The order in which the workbench takes the examples of this seed; another one would show in the losses."""
    for epoch in itertools.count():
        ranks = [derive_seed(SEED, "order", epoch, index) for index in range(count)]
        yield from sorted(range(count), key=ranks.__getitem__)


def _plain_batch(examples: Sequence[TokenizedExample], pad_id: int) -> dict[str, torch.Tensor]:
    width = max(len(example.ids) for example in examples)

    def padded(rows: Iterable[Sequence[int]], value: int) -> torch.Tensor:
        return torch.tensor([[*row, *[value] * (width - len(row))] for row in rows])

    return {
        "input_ids": padded((e.ids for e in examples), pad_id),
        "attention_mask": padded(([1] * len(e.ids) for e in examples), 0),
        "labels": padded(
            ([*[IGNORED] * (len(e.ids) - e.targets), *e.ids[len(e.ids) - e.targets :]] for e in examples), IGNORED
        ),
    }


SIDES = {"workbench": workbench, "plain": plain, "plain_bf16": plain_bf16}


def main(arguments: Sequence[str]) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    case = json.loads(arguments[0])
    meter = Meter(case["on_gpu"])
    SIDES[case["side"]](case, meter)
    meter.end()


if __name__ == "__main__":
    main(sys.argv[1:])
