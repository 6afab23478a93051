"""Run directories as the workbench writes them, small, and what the tests ask of the database."""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from store.connection import reading
from workbench.plan.site import band_of
from workbench.run.events import EventLog
from workbench.run.layout import Home, RunDir
from workbench.run.record import RunRecord, SiteRecord

MODULES = (("self_attn", "attention", "q_proj"), ("mlp", "mlp", "up_proj"))
INGEST = [sys.executable, "-P", "-m", "store.ingest"]
HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Metric:
    """A final evaluation, as a test gives it."""

    name: str
    value: float | None
    higher_is_better: bool


def site(block: int, part: str, layer_type: str, module: str, r: int | None, blocks: int) -> SiteRecord:
    out_features = 8 if layer_type == "attention" else 24
    return SiteRecord(
        site=f"model.layers.{block}.{part}.{module}",
        block=block,
        module=module,
        layer_type=layer_type,
        depth=block / (blocks - 1),
        band=band_of(block, blocks),
        in_features=8,
        out_features=out_features,
        base="nf4",
        blocksize=64,
        double_quant=True,
        threshold=None,
        bits=4.127,
        method="lora" if r else "none",
        r=r,
        alpha=2.0 * r if r else None,
        scaling=2.0 if r else None,
        balance=1 if r else None,
        pool=None,
        dropout=0.0 if r else None,
        init="default" if r else None,
        trainable_params=r * (8 + out_features) if r else 0,
    )


def sites(ranks: dict[str, int | None], blocks: int = 3) -> tuple[SiteRecord, ...]:
    """Two sites per block, q_proj (8 × 8) and up_proj (24 × 8), with the rank of their layer type."""
    return tuple(
        site(block, part, layer_type, module, ranks[layer_type], blocks)
        for block in range(blocks)
        for part, layer_type, module in MODULES
    )


def record(run_id: str, **changes: Any) -> RunRecord:
    """A run of plan `base`, rank 4 everywhere, seed 0; `created` follows the run id unless given."""
    placed = changes.pop("placed", sites({"attention": 4, "mlp": 4}))
    plain = RunRecord(
        run_id=run_id,
        name=changes.get("plan", "base") + "-run",
        plan="base",
        plan_hash="aaaaaaaaaaaa",
        plan_file={},
        model="demo",
        model_path="/nowhere",
        model_fingerprint="f" * 12,
        recipe_name="short",
        recipe_hash="bbbbbbbbbbbb",
        recipe={},
        data={},
        data_hash="cccccccccccc",
        seed=0,
        reference=False,
        trainable_params=sum(one.trainable_params for one in placed),
        base_params=1000,
        predicted_bytes={"base": 1, "total": 4096},
        created=1.7e9 + int(run_id, 16) % 1000,
        sites=placed,
    )
    return replace(plain, **changes)


def write_run(home: Home, written: RunRecord) -> RunDir:
    """The run's folder with its run.json, no logs yet."""
    folder = home.run_dir(written.run_id)
    folder.path.mkdir(parents=True)
    written.write(folder.record)
    return folder


def steps(log: EventLog, numbers: Iterable[int]) -> None:
    for step in numbers:
        log.write("metric", step=step, values={"loss": 1 / step, "lr": 2e-4, "tokens": 32})


def raw_event(folder: RunDir, attempt: int, kind: str, **fields: Any) -> None:
    """Appends a line that this version's writer would not write."""
    with folder.events.open("a") as file:
        file.write(json.dumps({"attempt": attempt, "seq": 99, "t": 1.0, "kind": kind, **fields}) + "\n")


def site_figures(written: RunRecord, update: float = 1.0, weight: float = 4.0, error: float = 0.1) -> list[Any]:
    """Site statistics that grow with the place of the site: ×1, ×2, ×3 ..."""
    return [
        {
            "site": one.site,
            "weight_norm": weight * place,
            "quant_error": error,
            "update_norm": update * place if one.r else None,
            "effective_rank": float(place) if one.r else None,
            "grad_norm": 0.5,
        }
        for place, one in enumerate(written.sites, start=1)
    ]


def finished_run(home: Home, written: RunRecord, metrics: Iterable[Metric] = (), last: int = 3) -> RunDir:
    """A whole run of `last` steps that finished in its first attempt."""
    folder = write_run(home, written)
    log = EventLog(folder.events, written.run_id, 1)
    log.write("started", device="cpu", steps=last, seed=written.seed)
    steps(log, range(1, last + 1))
    for metric in metrics:
        fields = {"evaluator": metric.name, "values": {metric.name: metric.value}, "n": 50}
        log.write("eval", step=last, higher_is_better=metric.higher_is_better, **fields)
    log.write("site_stats", step=last, sites=site_figures(written))
    log.write("finished", step=last, train_seconds=2.0, device_seconds=1.5, peak_bytes=9000, adapter_bytes=700)
    log.close()
    return folder


def rows(home: Home, query: str) -> list[tuple[Any, ...]]:
    with reading(home) as connection:
        return connection.execute(query).fetchall()


def all_tables(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, in an order that does not depend on how it came there."""
    with reading(home) as connection:
        names = connection.execute("select table_name from duckdb_tables() order by 1").fetchall()
        return {name: sorted(connection.execute(f'from "{name}"').fetchall(), key=repr) for (name,) in names}
