"""Tiny models, records and runs for the tests of training."""

import math
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch

import workbench.demo
from workbench.data.example import Example
from workbench.data.load import DataSet, load_data, read_source
from workbench.plan.site import band_of, depth_of
from workbench.run.events import EventLog, read_events
from workbench.run.layout import RunDir
from workbench.run.recipe import Recipe
from workbench.run.record import RunRecord, SiteRecord
from workbench.train.base import Base, load_base

DEMO = Path(workbench.demo.__file__).parent
BASE = str(DEMO / "base")
MODULES = {
    "self_attn.q_proj": (128, 128),
    "self_attn.k_proj": (64, 128),
    "self_attn.v_proj": (64, 128),
    "self_attn.o_proj": (128, 128),
    "mlp.gate_proj": (384, 128),
    "mlp.up_proj": (384, 128),
    "mlp.down_proj": (128, 384),
}
CPU = torch.device("cpu")


def demo_site(block: int, module: str, r: int | None = 4, base: str = "nf4", **changes: Any) -> SiteRecord:
    """A site of the demo base; `r=None` leaves it without an adapter."""
    out_features, in_features = MODULES[module]
    four_bit = base in ("nf4", "fp4")
    method = changes.get("method", "lora")
    divisor = (math.sqrt(r) if method == "rslora" else r) if r else 1.0
    magnitudes = out_features if method == "dora" else 0
    site = SiteRecord(
        site=f"model.layers.{block}.{module}",
        block=block,
        module=module.split(".")[1],
        layer_type="attention" if module.startswith("self_attn") else "mlp",
        depth=depth_of(block, 6),
        band=band_of(block, 6),
        in_features=in_features,
        out_features=out_features,
        base=base,
        blocksize=64 if four_bit else None,
        double_quant=True if four_bit else None,
        threshold=0.0 if base == "int8" else None,
        bits=4.13 if four_bit else 32.0,
        method="lora" if r else "none",
        r=r,
        alpha=2.0 * r if r else None,
        scaling=2.0 * r / divisor if r else None,
        balance=1 if r else None,
        pool=1 if r else None,
        dropout=0.0 if r else None,
        init="default" if r else None,
        trainable_params=r * (in_features + out_features) + magnitudes if r else 0,
    )
    return replace(site, **changes)


def demo_sites(r: int | None = 4, base: str = "nf4", **changes: Any) -> tuple[SiteRecord, ...]:
    return tuple(demo_site(block, module, r, base, **changes) for block in range(6) for module in MODULES)


def with_site(sites: tuple[SiteRecord, ...], name: str, **changes: Any) -> tuple[SiteRecord, ...]:
    """The same sites with one of them changed."""
    assert any(site.site == name for site in sites)
    return tuple(replace(site, **changes) if site.site == name else site for site in sites)


def demo_recipe(**changes: Any) -> Recipe:
    recipe = Recipe(
        data=str(DEMO / "data/train.jsonl"),
        eval_data=str(DEMO / "data/eval.jsonl"),
        max_length=48,
        steps=4,
        batch=8,
        lr=3e-3,
        evaluators=("loss", "token_accuracy", "exact_match"),
    )
    return replace(recipe, **changes)


def demo_examples(part: str) -> tuple[Example, ...]:
    """The examples of the demo's `train` or `eval` file."""
    path = str(DEMO / f"data/{part}.jsonl")
    return read_source(path, Recipe(path)).examples


@cache
def _demo_data(recipe: Recipe) -> DataSet:
    """Read once: the demo's own files never change."""
    return load_data(recipe)


def make_record(
    sites: tuple[SiteRecord, ...], recipe: Recipe | None = None, seed: int = 1, name: str = "test"
) -> RunRecord:
    recipe = recipe or demo_recipe()
    data = _demo_data(recipe) if recipe.data.startswith(str(DEMO)) else load_data(recipe)
    trainable = sum(site.trainable_params for site in sites)
    return RunRecord(
        run_id=name,
        name=name,
        plan=name,
        plan_hash="0" * 12,
        plan_file={},
        model="demo",
        model_path=BASE,
        model_fingerprint="0" * 64,
        recipe_name="test",
        recipe_hash="0" * 12,
        recipe=recipe.to_dict(),
        data=data.sources,
        data_hash=data.hash,
        seed=seed,
        reference=trainable == 0,
        trainable_params=trainable,
        base_params=1_197_568,
        predicted_bytes={"total": 0},
        created=time.time(),
        sites=sites,
    )


def make_run(folder: Path, record: RunRecord) -> tuple[RunDir, EventLog]:
    """A run directory below `folder` that holds the record, and an open log of its first attempt."""
    run_dir = RunDir(folder / record.run_id)
    run_dir.path.mkdir(parents=True)
    record.write(run_dir.record)
    return run_dir, EventLog(run_dir.events, record.run_id, 1)


def load(record: RunRecord) -> Base:
    return load_base(record, CPU, torch.float32)


def told(run_dir: RunDir) -> list[dict[str, Any]]:
    """What a run logged but for telemetry, which comes whenever its time has come."""
    return [event for event in read_events(run_dir.events) if event["kind"] != "telemetry"]
