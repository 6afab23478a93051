"""A method is one entry of the catalogue: with nothing but that entry, the toy goes through the whole program."""

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from tests.cli.command import Desk
from tests.cli.in_process import Run, runner
from tests.toy import POOL, REPEAT, TOY
from tests.train.trained import IDS, demo_plan, final_losses, logits, losses_again, small_recipe, train
from workbench.plan.catalogue import CATALOGUE
from workbench.plan.flops import flops_per_token
from workbench.plan.formats import FORMATS
from workbench.plan.memory import memory
from workbench.plan.merge_target import Target
from workbench.plan.model_map import load_map
from workbench.plan.schema import schema_text
from workbench.plan.settings import AdapterSettings
from workbench.report.reference import pages
from workbench.train.adapters import site_layers
from workbench.train.export import Wanted, write_checkpoint
from workbench.train.merged_folder import Source, write_merged
from workbench.train.open_run import open_run
from workbench.train.proof import prove
from workbench.train.proof_site import Case
from workbench.train.trained_base import write_trained_base

pytestmark = pytest.mark.slow

RULES = ("* all method=toy r=3 alpha=5", "0 q method=lora alpha=r", "1 mlp off")
TOY_SITES = 6 * 7 - 1 - 3


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CATALOGUE, "toy", TOY)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(Desk(tmp_path), monkeypatch, capsys)


def _new(run: Run, *rules: str) -> None:
    answer = run("plan", "new", "mine", *(word for rule in rules for word in ("--rule", rule)))
    assert answer.code == 0, answer.err


def _params(out_features: int, in_features: int, r: int = 3) -> int:
    return r * (in_features // POOL + out_features // REPEAT)


def test_a_plan_with_it_is_written_checked_and_shown(run: Run) -> None:
    _new(run, *RULES)
    answer = run("plan", "check", "mine", "--json")
    assert answer.code == 0
    up, q = (next(s for s in answer.json["sites"] if s["name"].endswith(name)) for name in ("0.mlp.up_proj", "q_proj"))
    assert (up["method"], up["r"], up["scaling"], up["mergeable"]) == ("toy", 3, 2.5, False)
    assert (up["balance"], up["pool"], up["trainable_params"]) == (1, 1, _params(384, 128))
    assert (q["method"], q["scaling"]) == ("lora", 1.0)
    assert sum(site["method"] == "toy" for site in answer.json["sites"]) == TOY_SITES
    assert "toy cannot be merged into nf4 without loss" in "".join(answer.json["losses_of_merge"])
    assert [w["message"] for w in answer.json["warnings"]] == [
        "adapted sites differ in scaling: 1 (1 sites), 2.5 (38 sites)"
    ]
    shown = run("plan", "show", "mine", "--sites")
    assert "nf4  toy r=3 alpha=5: " in shown.out
    assert "model.layers.0.mlp.up_proj" in shown.out


def test_what_is_wrong_with_it_is_said_like_anything_else(run: Run, tmp_path: Path) -> None:
    _new(run, "* all method=toy r=7")
    assert "the toy does not like a rank of 7" in run("plan", "check", "mine").out
    for rule, message, hint in (
        ("* up method=toy pool=2", "method toy takes no pool", "method toy takes r, alpha, dropout, init"),
        ("* up method=toy init=pissa", "method toy has no init 'pissa'", "it has default, gaussian"),
        ("* up method=ty", "method 'ty' is not available in this version", "did you mean 'toy'?"),
    ):
        (tmp_path / "plan.yaml").write_text(f'model: demo\nrules: ["{rule}"]\n')
        answer = run("plan", "check", "plan.yaml")
        assert message in answer.out
        assert hint in answer.out
    (tmp_path / "plan.yaml").write_text('model: demo\nrequire: [mergeable]\nbase: int4\nrules: ["0 up method=toy"]\n')
    answer = run("plan", "check", "plan.yaml")
    assert answer.code == 3
    assert "pool 2 is no multiple of the blocksize 64 of int4" in answer.out


def test_it_can_be_the_default(run: Run, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("model: demo\ndefaults: {method: toy, r: 3}\nrules: ['0 up']\n")
    (site,) = (s for s in run("plan", "check", "plan.yaml", "--json").json["sites"] if s["method"] != "none")
    assert (site["method"], site["trainable_params"]) == ("toy", _params(384, 128))


def test_it_is_priced(tmp_path: Path) -> None:
    plan, nothing = demo_plan(tmp_path, "0 up method=toy r=3"), demo_plan(tmp_path, "0 up r=1")
    assert plan.trainable_params == _params(384, 128)
    assert memory(plan).trainable == 16 * plan.trainable_params
    kept = memory(plan, 100).activations - memory(nothing, 100).activations
    assert kept == 100 * 4 * (3 + 128 // POOL) - 100 * 4 * (1 + 128)  # the averages in place of the input
    assert flops_per_token(plan, 32).adapters == 6 * plan.trainable_params + 2 * (128 + 384)


def test_the_reference_and_the_schema_name_it() -> None:
    page = pages()["plan.md"]
    assert "### toy\n\nA toy: pairs of inputs are averaged" in page
    assert "Inferred: all of it." in page
    assert "irqlora, toy" in pages()["grammar.md"]
    assert '"toy"' in schema_text()


@pytest.mark.parametrize("base", FORMATS)
def test_its_layers_do_what_the_entry_says(base: str) -> None:
    case = Case(AdapterSettings("toy", 3, 5.0, 0.5), FORMATS[base].settings(), 64, 36, True)
    proof = prove(case)
    assert proof.adapter.largest <= 1e-5
    assert proof.whole.largest <= (2**-7 if base == "bf16" else 1e-5)
    assert (proof.start, proof.identical, proof.differences) == (0.0, True, ())
    assert proof.trainable_params == _params(36, 64)


def test_it_trains_and_comes_back_bit_by_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = demo_plan(tmp_path, *RULES)
    done = train(tmp_path, plan, small_recipe(tmp_path), monkeypatch)
    assert done.only("audit")["ok"] is True
    assert done.only("audit")["trainable_params"] == plan.trainable_params
    stats = {row["site"]: row for row in done.only("site_stats")["sites"]}
    up = stats["model.layers.0.mlp.up_proj"]
    assert up["update_norm"] > 0
    assert 1 <= up["effective_rank"] <= 3
    assert up["grad_norm"] > 0
    layer = site_layers(done.model)["model.layers.0.mlp.up_proj"]
    assert up["update_norm"] == pytest.approx(layer.get_delta_weight("default").norm().item(), rel=1e-5)
    opened = open_run(done.run_dir)
    assert torch.equal(logits(opened.model), logits(done.model))
    with opened.model.disable_adapter(), torch.no_grad():
        assert not torch.equal(opened.model(input_ids=IDS).logits, logits(done.model))
    assert losses_again(done.run_dir) == final_losses(done.run_dir)


def test_it_merges_and_exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = train(tmp_path, demo_plan(tmp_path, *RULES), small_recipe(tmp_path, merge_eval=("fp32",)), monkeypatch)
    final = {event["evaluator"]: event["values"] for event in done.events if event["kind"] == "eval"}
    assert final["loss@fp32"]["loss@fp32"] == pytest.approx(final["loss"]["loss"], rel=1e-5)
    assert final["kept@fp32"]["kept@fp32"] == pytest.approx(1, abs=1e-5)
    folder = Path(done.record.model_path)
    source = Source(done.record, done.run_dir.adapter, folder, load_map(str(folder)).family)
    folders = [tmp_path / name for name in ("merged", "adapter", "base")]
    for made in folders:
        made.mkdir()
    merged, adapter, base = folders
    write_merged(source, Target("fp32"), merged)
    write_checkpoint(done.record, source.adapter, Wanted(), adapter)
    write_trained_base(source, "fp32", base)
    wanted = logits(done.model)
    plainly = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), adapter)
    for found in (AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32), plainly):
        assert (logits(found.eval()) - wanted).abs().max() <= 1e-5 * wanted.abs().max()
