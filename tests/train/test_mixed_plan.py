"""A plan in which every block has another method and base format, from its file to its results and back."""

from pathlib import Path

import pytest
import torch

from tests.cli.command import Desk
from tests.train.trained import demo_plan, final_losses, logits, losses_again, small_recipe, train
from workbench.plan.catalogue import CATALOGUE, NONE
from workbench.plan.formats import FORMATS
from workbench.run.events import read_events
from workbench.run.layout import Home
from workbench.train.adapters import site_layers
from workbench.train.dense import dense_weight
from workbench.train.open_run import open_run

pytestmark = pytest.mark.slow

# blocks 0 to 5: six base formats, all methods, all inits, own ranks, scalings, dropout and block sizes
RULES = (
    "0 all base=nf4 blocksize=128 method=blora r=4 balance=4",
    "1 all base=fp4 double_quant=false method=dora r=3 dropout=0.1",
    "2 attn base=int4 method=qalora r=4 pool=64",
    "2 mlp base=int4 blocksize=32 method=qablora r=2 pool=32 balance=2 dropout=0.1",
    "3 all base=int8 method=irqlora r=8 alpha=r",
    "4 all base=bf16 method=qahira r=4 pool=16 balance=8",
    "5 attn base=fp32 method=rslora r=6 init=pissa",
    "5 mlp base=nf4 method=lora r=6 init=loftq",
    "5 q base=int4 init=pissa",
    "5 down base=int8 init=gaussian",
)
PLAN = "".join(("model: demo\nrules:\n", *(f'  - "{rule}"\n' for rule in RULES)))
MERGEABLE = {f"model.layers.2.{name}" for name in (
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
    "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj",
)}  # fmt: skip


def test_every_method_format_and_init_is_in_it(tmp_path: Path) -> None:
    sites = demo_plan(tmp_path, *RULES).sites
    assert {planned.method for planned in sites} == set(CATALOGUE) - {NONE}
    assert {planned.base.format for planned in sites} == set(FORMATS)
    assert {planned.adapter.init for planned in sites if planned.adapter} == {"default", "gaussian", "pissa", "loftq"}


def test_it_trains_passes_the_audit_and_comes_back_bit_by_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = demo_plan(tmp_path, *RULES)
    done = train(tmp_path, plan, small_recipe(tmp_path), monkeypatch)
    assert done.only("audit") | {"ok": True, "trainable_params": plan.trainable_params} == done.only("audit")
    assert done.only("base_ready")["formats"] == {
        name: sum(planned.base.format == name for planned in plan.sites) for name in FORMATS
    }
    opened = open_run(done.run_dir)
    for name, layer in site_layers(done.model).items():
        other = site_layers(opened.model)[name]
        assert torch.equal(dense_weight(layer.get_base_layer()), dense_weight(other.get_base_layer())), name
    assert torch.equal(logits(opened.model), logits(done.model))
    assert losses_again(done.run_dir) == final_losses(done.run_dir)
    stats = done.only("site_stats")["sites"]
    assert len(stats) == 42
    assert all(row["update_norm"] > 0 and row["grad_norm"] > 0 and row["effective_rank"] >= 1 for row in stats)


def test_it_runs_from_its_file_by_the_command(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    recipe = small_recipe(tmp_path, steps=20)
    (tmp_path / "mixed.yaml").write_text(PLAN)
    data = f"data: {recipe.data}\neval_data: {recipe.eval_data}\n"
    (tmp_path / "recipe.yaml").write_text(f"{data}steps: 20\nbatch: 8\nlr: 3e-3\nclip: 1.0\nmax_length: 32\n")
    checked = desk("plan", "check", "mixed.yaml", "--json")
    assert checked.code == 0, checked.out
    whole = {site["name"] for site in checked.json["sites"] if site["mergeable"]}
    unquantized = {site["name"] for site in checked.json["sites"] if site["base"] in ("bf16", "fp32")}
    assert whole == MERGEABLE | unquantized
    answer = desk("run", "mixed.yaml", "--recipe", "recipe.yaml")
    assert answer.code == 0, answer.err
    run_dir = Home(desk.home).run_dir(answer.json["run_id"])
    events = read_events(run_dir.events)
    (audited,) = (event for event in events if event["kind"] == "audit")
    assert (audited["ok"], audited["trainable_params"]) == (True, checked.json["trainable_params"])
    steps = [event["values"]["loss"] for event in events if event["kind"] == "metric"]
    assert len(steps) == 20
    assert sum(steps[-5:]) < sum(steps[:5])
    assert events[-1]["kind"] == "finished"
    torch.set_num_threads(next(event["threads"] for event in events if event["kind"] == "started"))
    assert losses_again(run_dir) == final_losses(run_dir)
    sites = {row["site"]: row for row in desk("sql", "select * from run_sites", "--json").json}
    assert len(sites) == 42
    assert sites["model.layers.2.mlp.up_proj"]["balance"] == 2
