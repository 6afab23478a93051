"""Plans as files of peft and axolotl: they come back as the same plan, and what they cannot say is named."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tests.unit.plan.support import check_rules, make_plan, write_llama
from workbench.errors import InvalidError
from workbench.plan.arrive import Arrival, Wishes, arrive
from workbench.plan.export import PlanExport
from workbench.plan.export_axolotl import export_axolotl
from workbench.plan.export_peft import export_peft
from workbench.plan.plan import Plan
from workbench.run.layout import Home

SELECTORS = ("* all", "* attn", "* mlp", "0 q", "1,3 v,o", "lower down", "upper mlp", "2-3 all", "* q,v")
TAILS = st.one_of(
    st.just(""),
    st.just(" off"),
    st.integers(1, 8).map(lambda r: f" r={r}"),
    st.integers(1, 40).map(lambda alpha: f" alpha={alpha}"),
    st.tuples(st.integers(1, 8), st.integers(1, 40)).map(lambda pair: f" r={pair[0]} alpha={pair[1]}"),
)
RULES = st.lists(st.tuples(st.sampled_from(SELECTORS), TAILS).map("".join), min_size=1, max_size=6)
FRACTIONS = st.floats(0.25, 50).map(lambda alpha: f" alpha={alpha!r}")
KNOWN = ("lora", "rslora", "dora")
SLOW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_llama(tmp_path / "model")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def back(exported: PlanExport, folder: Path, name: str, base: str | None = None) -> Arrival:
    """What `plan new --from` makes of it."""
    file = folder / name
    file.write_text(exported.text)
    return arrive(file, folder / "plan.yaml", "back", Home(folder / "home"), Wishes(base=base))


def planned(home: Home, model: Path, rules: list[str], base: str, **defaults: Any) -> Plan:
    check = check_rules(home, model, *rules, base=base, defaults={"r": 4, "alpha": 8, **defaults})
    assert check.plan is not None, check.errors
    assume(not check.plan.reference)
    return check.plan


@SLOW
@example(["* all", "1,3 v,o r=2"], " alpha=2.5", "rslora", "default", "nf4", 0.1)
@given(
    RULES,
    st.one_of(st.just(""), FRACTIONS),
    st.sampled_from(KNOWN),
    st.sampled_from(("default", "gaussian")),
    st.sampled_from(("nf4", "fp4", "int8", "bf16", "fp32")),
    st.sampled_from((0.0, 0.05)),
)
def test_a_peft_file_comes_back_as_the_same_plan(
    model: Path, home: Home, rules: list[str], more: str, method: str, init: str, base: str, dropout: float
) -> None:
    plan = planned(home, model, [*rules, f"2 o{more}"], base, method=method, init=init, dropout=dropout)
    exported = export_peft(plan)
    assert {item.what for item in exported.not_said} == {f"base {base}"}
    arrival = back(exported, model.parent, "adapter_config.json", base)
    assert arrival.plan.sites == plan.sites
    assert arrival.left_out == ()


@SLOW
@given(
    RULES,
    st.sampled_from(KNOWN),
    st.sampled_from(("default", "gaussian")),
    st.sampled_from(("nf4", "fp4", "bf16", "fp32", "int8")),
    st.sampled_from((0.0, 0.05)),
    st.booleans(),
)
def test_an_axolotl_file_comes_back_as_the_same_plan(
    model: Path, home: Home, rules: list[str], method: str, init: str, base: str, dropout: float, double: bool
) -> None:
    stored = {"nf4": f"* all double_quant={str(double).lower()}", "int8": "* all threshold=6"}
    plan = planned(
        home,
        model,
        [stored[base], *rules] if base in stored else rules,
        base,
        method=method,
        init=init,
        dropout=dropout,
    )
    exported = export_axolotl(plan)
    assert exported.not_said == ()
    assert YAML(typ="safe").load(exported.text) == exported.values
    arrival = back(exported, model.parent, "axolotl.yaml")
    assert arrival.plan.sites == plan.sites
    assert not [item for item in arrival.left_out if item.value]


@pytest.mark.parametrize("init", ["pissa", "loftq"])
@pytest.mark.parametrize(("export", "name"), [(export_peft, "adapter_config.json"), (export_axolotl, "a.yaml")])
def test_starts_from_the_weight_come_back_and_are_remarked_on(
    model: Path, home: Home, init: str, export: Any, name: str
) -> None:
    plan = make_plan(home, model, "* attn r=2", base="nf4", defaults={"init": init})
    exported = export(plan)
    assert back(exported, model.parent, name, "nf4").plan.sites == plan.sites
    [said] = [item for item in exported.not_said if item.what == f"init {init}"]
    assert (said.sites, said.selectors) == (16, ("* attn",))
    assert "peft" in said.reason
    unquantized = make_plan(home, model, "* attn r=2", base="fp32", defaults={"init": "pissa"})
    assert not [item for item in export(unquantized).not_said if item.what.startswith("init")]


def test_everything_that_peft_cannot_say_is_named(model: Path, home: Home) -> None:
    plan = make_plan(
        home,
        model,
        "* all r=4 alpha=8",
        "0 attn method=rslora",
        "0 mlp method=dora",
        "1 q method=blora balance=2",
        "1 down method=qahira pool=4",
        "2 q dropout=0.1",
        "2 v init=gaussian",
        "3 mlp base=bf16",
        "3 up off",
    )
    exported = export_peft(plan)
    said = {item.what: item for item in exported.not_said}
    assert set(said) == {
        "method qahira", "method rslora", "method dora", "method blora", "dropout 0.1", "init gaussian",
        "base nf4", "base bf16",
    }  # fmt: skip
    assert (said["method qahira"].selectors, said["method rslora"].sites) == (("1 down",), 4)
    assert str(said["dropout 0.1"]) == "dropout 0.1 at 1 site (2 q): one value holds for all sites: 0 is written"
    values = exported.values
    assert "model.layers.1.mlp.down_proj" not in values["target_modules"]
    assert len(values["target_modules"]) == 26
    assert (values["use_rslora"], values["use_dora"], values["init_lora_weights"]) == (False, False, True)
    assert values["alpha_pattern"] == {f"model.layers.0.self_attn.{m}_proj": 16 for m in "qkvo"}
    assert values["rank_pattern"].keys() == values["alpha_pattern"].keys()


def test_everything_that_axolotl_cannot_say_is_named(model: Path, home: Home) -> None:
    plan = make_plan(
        home, model, "* all r=2 alpha=3 method=rslora", "* attn method=lora", "1 mlp blocksize=128", "2 q base=int8"
    )
    exported = export_axolotl(plan)
    said = {item.what: item for item in exported.not_said}
    assert set(said) == {"method rslora", "alpha with a fraction", "base nf4 blocksize 128", "base int8"}
    assert said["alpha with a fraction"].sites == 12
    assert exported.values["lora_alpha_pattern"] == {
        f"model.layers.{b}.mlp.{m}_proj": round(3 * math.sqrt(2)) for b in range(4) for m in ("gate", "up", "down")
    }
    assert all(f"# not in this file: {item}\n" in exported.text for item in exported.not_said)
    assert YAML(typ="safe").load(exported.text) == exported.values


def test_modules_are_named_shortly_where_that_means_the_same(model: Path, home: Home) -> None:
    everywhere = export_axolotl(make_plan(home, model, "* q,down r=2"))
    assert everywhere.values["lora_target_modules"] == ["q_proj", "down_proj"]
    somewhere = export_axolotl(make_plan(home, model, "0-2 q r=2"))
    assert somewhere.values["lora_target_modules"] == [f"model.layers.{b}.self_attn.q_proj" for b in range(3)]


@pytest.mark.parametrize("export", [export_peft, export_axolotl])
def test_a_plan_without_anything_to_say_is_refused(model: Path, home: Home, export: Any) -> None:
    with pytest.raises(InvalidError, match="adapts nothing: there is nothing to export"):
        export(make_plan(home, model))
    with pytest.raises(InvalidError, match=r"none of its adapters has a rank \(qahira\)") as caught:
        export(make_plan(home, model, "* all method=qahira pool=4"))
    assert "workbench adapter export RUN --to DIR" in caught.value.hint


@pytest.mark.filterwarnings("ignore:The PEFT config's `base_model_name_or_path` was renamed")
def test_peft_builds_what_the_file_says(model: Path, home: Home, tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, LlamaConfig

    plan = make_plan(home, model, "* all r=4 alpha=8", "1 attn r=2 alpha=5", "3 mlp off", "0 q method=rslora")
    (tmp_path / "adapter_config.json").write_text(export_peft(plan).text)
    with torch.device("meta"):
        base = AutoModelForCausalLM.from_config(LlamaConfig(**json.loads((model / "config.json").read_text())))
        built = get_peft_model(base, LoraConfig.from_pretrained(tmp_path))
    layers = {
        name.removeprefix("base_model.model."): (layer.r["default"], layer.scaling["default"])
        for name, layer in built.named_modules()
        if hasattr(layer, "lora_A")
    }
    assert layers == {s.site.name: (s.adapter.r, pytest.approx(s.scaling)) for s in plan.adapted if s.adapter}
