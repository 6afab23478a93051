"""Exports are loaded by plain peft on a plain base, and give the logits of the model that was trained."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.families import save_random
from tests.train.card import loaded
from tests.train.support import BASE, load, make_record
from tests.train.trained import demo_plan
from tests.unit.plan.support import plan_text
from workbench.errors import InvalidError
from workbench.plan.catalogue import CATALOGUE, NONE
from workbench.plan.files import check_text
from workbench.plan.model_map import load_map
from workbench.plan.plan import Plan, site_records
from workbench.plan.settings import AdapterSettings
from workbench.report.loading import Surroundings, loading
from workbench.run.exported import Exported
from workbench.run.layout import Home
from workbench.run.record import RunRecord
from workbench.train.adapters import build_adapters, site_layers
from workbench.train.export import Wanted, write_checkpoint
from workbench.train.linear import CastingLinear
from workbench.train.merged_folder import Source
from workbench.train.plain_lora import approximate_sites, check_exportable
from workbench.train.save import WEIGHTS_NAME, save_adapter, weights_file
from workbench.train.trained_base import write_trained_base

pytestmark = pytest.mark.slow

IDS = torch.arange(4, 44).reshape(2, 20)
BOUND = 1e-5
_KEYS = {"balance": 4, "pool": 32}  # for the methods that take them
METHODS = [
    name
    for name, method in CATALOGUE.items()
    if name != NONE and method.structure(AdapterSettings(name, 4, 8.0, balance=4, pool=32)).additive
]
# two ranks and scalings, a site without adapter, all seven shapes of a block
FEW = ("0,3 all method={0} r=4{1}", "3 q,down r=8 alpha=5", "3 v off")
MIXED = (
    "0 attn method=lora r=8",
    "0 mlp method=rslora r=2 base=int4",
    "1 q,k method=blora balance=4 base=bf16",
    "1 v,o method=qalora pool=32 base=int4",
    "1 mlp method=qablora pool=64 balance=2 base=fp32",
    "2 attn method=qahira pool=32 balance=8",
    "2 mlp method=irqlora base=int8",
    "3 q,v r=4 init=pissa",
    "3 mlp r=4 init=loftq",
)


def rules(method: str) -> list[str]:
    keys = "".join(f" {key}={value}" for key, value in _KEYS.items() if key in CATALOGUE[method].parameters)
    return [rule.format(method, keys) for rule in FEW]


def trained(plan: Plan, folder: Path) -> tuple[RunRecord, nn.Module]:
    """A model whose trained values have all moved, and its saved adapter in folder/adapter."""
    record = replace(make_record(site_records(plan)), model=plan.model, model_path=str(plan.map.path))
    base = load(record)
    model, _ = build_adapters(base.model, record, base.starts)
    generator = torch.Generator().manual_seed(3)
    for layer in site_layers(model).values():
        for parameter in (p for p in layer.parameters() if p.requires_grad):
            parameter.data += 0.03 * torch.randn(parameter.shape, generator=generator)
    save_adapter(model, record, folder / "adapter")
    return record, model.eval()


def exported(record: RunRecord, folder: Path, **wanted: Any) -> Exported:
    """Exports folder/adapter into folder/out, with its base in folder/out/base where that is asked for."""
    out, wish = folder / "out", Wanted(**wanted)
    out.mkdir()
    found = write_checkpoint(record, folder / "adapter", wish, out)
    if wish.base:
        (out / "base").mkdir()
        family = load_map(record.model_path).family
        write_trained_base(Source(record, folder / "adapter", Path(record.model_path), family), wish.base, out / "base")
    return found


def plain(base: str | Path, folder: Path) -> nn.Module:
    """What anyone gets who has peft and transformers alone."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    return PeftModel.from_pretrained(model, str(folder / "out")).eval()


@torch.no_grad()
def logits(model: Any) -> torch.Tensor:
    return model(input_ids=IDS).logits  # type: ignore[no-any-return]


def difference(found: nn.Module, wanted: nn.Module) -> float:
    """The largest difference of a logit relative to the largest logit."""
    ours, theirs = logits(wanted), logits(found)
    return float((ours - theirs).abs().max() / ours.abs().max())


def unrounded(model: nn.Module) -> nn.Module:
    """The same weights, with all products in fp32: in eval mode int8 layers quantize their inputs, bf16 ones cast."""
    for layer in model.modules():
        if isinstance(layer, CastingLinear):
            layer.weight.data = layer.weight.data.float()
    return model.train()


def config(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "out/adapter_config.json").read_text())  # type: ignore[no-any-return]


@pytest.mark.parametrize("uniform", [False, True], ids=["patterns", "uniform"])
@pytest.mark.parametrize("base", ["nf4", "int4", "fp32"])
@pytest.mark.parametrize("method", METHODS)
def test_every_additive_method_on_every_base(
    tmp_path: Path, method: str, base: str, uniform: bool, record_property: Any
) -> None:
    record, model = trained(demo_plan(tmp_path, *rules(method), base=base), tmp_path)
    found = exported(record, tmp_path, uniform=uniform, base="fp32")
    loaded = plain(tmp_path / "out/base", tmp_path)
    bare = AutoModelForCausalLM.from_pretrained(tmp_path / "out/base", dtype=torch.float32).eval()
    assert difference(bare, model) > 0.01
    record_property("difference", difference(loaded, model))
    assert difference(loaded, model) <= BOUND
    assert found.sites == 13
    names = {name for name, layer in loaded.base_model.model.named_modules() if hasattr(layer, "lora_A")}
    assert names == {site.site for site in record.sites if site.method != NONE}
    if uniform:
        said = config(tmp_path)
        assert (said["rank_pattern"], said["alpha_pattern"]) == ({}, {})
        assert said["r"] == said["lora_alpha"] == found.ranks[0] == found.ranks[1]


@pytest.mark.parametrize("uniform", [False, True], ids=["patterns", "uniform"])
def test_a_plan_of_all_methods_formats_and_starts(tmp_path: Path, uniform: bool) -> None:
    record, model = trained(demo_plan(tmp_path, *MIXED), tmp_path)
    found = exported(record, tmp_path, uniform=uniform, base="fp32")
    loaded = plain(tmp_path / "out/base", tmp_path)
    assert difference(loaded, model) < 0.02  # int8 and bf16 sites round what they multiply, too
    assert difference(loaded, unrounded(model)) <= BOUND
    assert (found.fitted, found.kind, found.sites) == (True, "lora", 26)


@pytest.mark.parametrize(
    "variant", ["phi3", "gpt_neox", "opt-projected-post-norm", "falcon-one-norm", "bloom", "gemma2", "qwen3"]
)
def test_other_families_have_their_names(tmp_path: Path, variant: str) -> None:
    folder = save_random(variant, tmp_path / "model", vocab_size=64)
    text = plan_text(folder, "* all r=3", "0 all method=blora balance=2 r=2", "1 all method=irqlora r=2")
    check = check_text(text, Path("plan.yaml"), Home(tmp_path / "home"))
    assert check.plan is not None, check.errors
    record, model = trained(check.plan, tmp_path)
    exported(record, tmp_path, base="fp32")
    assert difference(plain(tmp_path / "out/base", tmp_path), model) <= BOUND


@pytest.mark.parametrize("variant", ["llama", "opt-projected-post-norm", "gpt_neox"])
def test_a_base_of_one_format_is_made_by_transformers_alone(tmp_path: Path, variant: str) -> None:
    """Linear layers outside of the blocks, as some OPT models have, stay as they are."""
    wide = {"word_embed_proj_dim": 32, "ffn_dim": 128} if variant.startswith("opt") else {}
    folder = save_random(variant, tmp_path / "model", vocab_size=64, hidden_size=64, intermediate_size=128, **wide)
    check = check_text(plan_text(folder, "* all r=3"), Path("plan.yaml"), Home(tmp_path / "home"))
    assert check.plan is not None, check.errors
    record, model = trained(check.plan, tmp_path)
    found = exported(record, tmp_path)
    how = loading(record, found, Surroundings(str(tmp_path / "out"), str(folder), check.plan.map.family, "float32"))
    assert "BitsAndBytesConfig(" in how.python
    assert difference(loaded(how.python, tmp_path), model) <= BOUND


@pytest.mark.parametrize("method", ["lora", "rslora"])
def test_what_is_plain_already_keeps_every_bit(tmp_path: Path, method: str) -> None:
    record, _ = trained(demo_plan(tmp_path, *rules(method)), tmp_path)
    exported(record, tmp_path)
    kept, written = load_file(weights_file(tmp_path / "adapter")), load_file(tmp_path / "out" / WEIGHTS_NAME)
    assert written.keys() == kept.keys()
    assert all(torch.equal(written[name], kept[name]) for name in kept)
    sites = {site.site: site for site in record.sites if site.method != NONE}
    said = config(tmp_path)
    for name, site in sites.items():
        r, alpha = said["rank_pattern"].get(name, said["r"]), said["alpha_pattern"].get(name, said["lora_alpha"])
        assert (r, alpha / r) == (site.r, pytest.approx(site.scaling, rel=1e-12))
    assert said["rank_pattern"].keys() == said["alpha_pattern"].keys()
    assert said["use_rslora"] is False


@pytest.mark.parametrize("init", ["pissa", "loftq"])
def test_onto_the_base_of_the_run_a_start_from_the_weight_is_exact(tmp_path: Path, init: str) -> None:
    record, model = trained(demo_plan(tmp_path, f"0,3 all init={init} r=4", "3 q method=rslora r=8"), tmp_path)
    found = exported(record, tmp_path, base="fp32")
    assert difference(plain(tmp_path / "out/base", tmp_path), model) <= BOUND
    assert difference(plain(BASE, tmp_path), model) > 0.01
    assert (found.fitted, found.ranks) == (True, (4, 8))


@pytest.mark.parametrize("uniform", [False, True], ids=["patterns", "uniform"])
def test_onto_the_original_checkpoint_pissa_is_exact_where_nothing_was_quantized(tmp_path: Path, uniform: bool) -> None:
    chosen = ("0,3 all init=pissa r=4", "3 q method=rslora r=8", "4 all method=blora balance=4 r=2")
    record, model = trained(demo_plan(tmp_path, *chosen, base="fp32"), tmp_path)
    found = exported(record, tmp_path, onto="original", uniform=uniform)
    assert difference(plain(BASE, tmp_path), model) <= BOUND
    assert (found.fitted, found.approximate) == (False, ())
    assert found.ranks == ((16, 16) if uniform else (8, 16))


@pytest.mark.parametrize(("init", "bound"), [("pissa", 0.3), ("loftq", 0.3)])
def test_onto_the_original_checkpoint_the_rest_is_near_and_said_to_be(tmp_path: Path, init: str, bound: float) -> None:
    record, model = trained(demo_plan(tmp_path, f"0,3 all init={init} r=4"), tmp_path)
    found = exported(record, tmp_path, onto="original")
    off = difference(plain(BASE, tmp_path), model)
    assert BOUND < off < bound
    assert found.approximate == tuple(site.site for site in record.sites if site.method != NONE)
    assert approximate_sites(record) == found.approximate


def test_a_plan_of_lora_and_dora_is_a_dora_checkpoint(tmp_path: Path) -> None:
    record, model = trained(demo_plan(tmp_path, "0 all r=4", "3 all method=dora r=8", "3 q method=rslora"), tmp_path)
    found = exported(record, tmp_path, base="fp32")
    assert (found.kind, config(tmp_path)["use_dora"]) == ("dora", True)
    assert difference(plain(tmp_path / "out/base", tmp_path), model) <= BOUND


def test_magnitudes_that_no_checkpoint_holds_are_refused_by_name(tmp_path: Path) -> None:
    record = make_record(site_records(demo_plan(tmp_path, "0 q,v method=dora", "3 all method=blora balance=2")))
    with pytest.raises(InvalidError) as caught:
        check_exportable(record)
    names = "model.layers.0.self_attn.q_proj, model.layers.0.self_attn.v_proj"
    assert f"run test: {names}: dora rescales whole rows of the weight, and peft knows that only" in caught.value.title
    assert caught.value.hint.endswith("workbench adapter merge test --into bf16 --to DIR")
    started = make_record(site_records(demo_plan(tmp_path, "0 q,v method=dora", "3 all init=pissa")))
    with pytest.raises(InvalidError, match="none starts from the weight"):
        check_exportable(started)
    stock = make_record(site_records(demo_plan(tmp_path, "0 q,v method=dora", "3 all")))
    check_exportable(stock)
    with pytest.raises(InvalidError, match="one rank and one alpha for all sites cannot say") as caught:
        check_exportable(stock, uniform=True)
    assert caught.value.hint.startswith("leave --uniform out for a DoRA checkpoint of peft")


def test_the_base_is_a_checkpoint_with_its_tokenizer(tmp_path: Path) -> None:
    record, model = trained(demo_plan(tmp_path, *rules("lora"), base="int4"), tmp_path)
    exported(record, tmp_path, base="bf16")
    base = tmp_path / "out/base"
    assert (
        AutoTokenizer.from_pretrained(base)("1+1=").input_ids == AutoTokenizer.from_pretrained(BASE)("1+1=").input_ids
    )
    assert {tensor.dtype for file in base.glob("*.safetensors") for tensor in load_file(file).values()} == {
        torch.bfloat16
    }
    assert BOUND < difference(plain(base, tmp_path), model) < 0.02


def test_the_marker_says_what_was_written(tmp_path: Path) -> None:
    record, _ = trained(demo_plan(tmp_path, *rules("qahira")), tmp_path)
    found = exported(record, tmp_path, uniform=True)
    marker = json.loads((tmp_path / "out/workbench_export.json").read_text())
    weights = (tmp_path / "out" / WEIGHTS_NAME).read_bytes()
    assert marker == {"v": 1, **found.to_json()}
    assert (marker["bytes"], marker["sha256"]) == (len(weights), hashlib.sha256(weights).hexdigest())
