"""Homes full of finished runs for the store's benchmark: real run records and logs, made from templates for speed."""

import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from workbench.plan.site import band_of
from workbench.run.layout import Home
from workbench.run.record import RunRecord, SiteRecord

MODULES = (
    ("self_attn", "attention", "qkv_proj", 256, 768),
    ("self_attn", "attention", "o_proj", 256, 256),
    ("mlp", "mlp", "gate_up_proj", 256, 1376),
    ("mlp", "mlp", "down_proj", 688, 256),
)
EVALUATORS = (("loss", "false"), ("token_accuracy", "true"), ("exact_match", "true"))
PER_STEP = 6  # values of a step: loss, lr, grad_norm, tokens, tokens_per_s, memory_bytes


@dataclass(frozen=True, slots=True)
class Shape:
    """How full a home is: `plans` × `seeds` finished runs of `blocks` × 4 sites, each with `steps` steps."""

    plans: int
    seeds: int
    blocks: int
    steps: int

    @property
    def runs(self) -> int:
        return self.plans * self.seeds

    @property
    def metric_rows(self) -> int:
        return self.runs * self.steps * PER_STEP

    @property
    def site_rows(self) -> int:
        return self.runs * self.blocks * len(MODULES)


def fill(home: Home, shape: Shape, first: int = 0) -> None:
    """Adds the runs of a shape; `first` is the number of the first plan, so that a second call adds others."""
    draw = random.Random(first)
    for plan in range(first, first + shape.plans):
        template = _record(plan, shape)
        text = json.dumps(asdict(template), indent=1)
        for seed in range(shape.seeds):
            run_id = f"{plan * 64 + seed:012x}"
            folder = home.run_dir(run_id)
            folder.path.mkdir(parents=True)
            own = text.replace(template.run_id, run_id).replace('"seed": -1', f'"seed": {seed}')
            folder.record.write_text(own, encoding="utf-8")
            lines = log_lines(run_id, template.sites, shape.steps, draw)
            folder.events.write_text("".join(lines), encoding="utf-8")


def log_lines(run_id: str, sites: tuple[SiteRecord, ...], steps: int, draw: random.Random) -> Iterator[str]:
    """The lines of one finished attempt, as the trainer writes them."""
    yield _line(run_id, 0, "started", f'"device": "cpu x86_64", "threads": 1, "steps": {steps}, "seed": 0')
    for step in range(1, steps + 1):
        yield metric_line(run_id, step, draw)
    for name, higher in EVALUATORS:
        values = f'"values": {{"{name}": {draw.random()}}}, "n": 160, "higher_is_better": {higher}'
        yield _line(run_id, steps, "eval", f'"step": {steps}, "evaluator": "{name}", {values}')
    figures = ", ".join(_figures(site, draw) for site in sites)
    yield _line(run_id, steps, "site_stats", f'"step": {steps}, "sites": [{figures}]')
    costs = '"train_seconds": 12.5, "device_seconds": 15.5, "peak_bytes": 570000000, "adapter_bytes": 478000'
    yield _line(run_id, steps, "finished", f'"step": {steps}, {costs}')


def metric_line(run_id: str, step: int, draw: random.Random) -> str:
    values = (
        f'"loss": {draw.random()}, "lr": {draw.random() / 1e4}, "grad_norm": {draw.random()}, '
        f'"tokens": {draw.randint(2000, 9000)}, "tokens_per_s": {draw.random() * 1e4}, "memory_bytes": 571342848'
    )
    return _line(run_id, step, "metric", f'"step": {step}, "values": {{{values}}}')


def _line(run_id: str, step: int, kind: str, fields: str) -> str:
    times = f'"seq": {step + 1}, "t": {1.79e9 + step * 0.171348}, "mono": {5000 + step * 0.171348}'
    return f'{{"v": 1, "run_id": "{run_id}", "attempt": 1, {times}, "kind": "{kind}", {fields}}}\n'


def _figures(site: SiteRecord, draw: random.Random) -> str:
    return (
        f'{{"site": "{site.site}", "weight_norm": {20 + draw.random()}, "quant_error": {0.09 + draw.random() / 100}, '
        f'"update_norm": {draw.random()}, "effective_rank": {1 + draw.random()}, "grad_norm": {draw.random()}}}'
    )


def _record(plan: int, shape: Shape) -> RunRecord:
    blocks, rank = shape.blocks, 2 << (plan % 4)
    sites = tuple(_site(block, blocks, module, rank) for block in range(blocks) for module in MODULES)
    return RunRecord(
        run_id="RUN_ID_HERE",
        name=f"plan-{plan}",
        plan=f"plan-{plan}",
        plan_hash=f"{plan:012x}",
        plan_file={},
        model="demo",
        model_path="demo",
        model_fingerprint="f" * 64,
        recipe_name="short",
        recipe_hash="b" * 12,
        recipe={},
        data={},
        data_hash="c" * 64,
        seed=-1,
        reference=False,
        trainable_params=sum(site.trainable_params for site in sites),
        base_params=2_000_000,
        predicted_bytes={"total": 600_000_000},
        created=1.79e9 + plan,
        sites=sites,
    )


def _site(block: int, blocks: int, module: tuple[str, str, str, int, int], rank: int) -> SiteRecord:
    part, layer_type, name, in_features, out_features = module
    return SiteRecord(
        site=f"model.layers.{block}.{part}.{name}",
        block=block,
        module=name,
        layer_type=layer_type,
        depth=block / max(1, blocks - 1),
        band=band_of(block, blocks),
        in_features=in_features,
        out_features=out_features,
        base="nf4",
        blocksize=64,
        double_quant=True,
        threshold=None,
        bits=4.127,
        method="lora",
        r=rank,
        alpha=2.0 * rank,
        scaling=2.0,
        balance=1,
        pool=1,
        dropout=0.0,
        init="default",
        trainable_params=rank * (in_features + out_features),
    )
