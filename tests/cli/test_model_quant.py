"""`model show --quant`: what base formats do to the weights of a model."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.cli.command import Desk
from tests.cli.in_process import Run, runner
from tests.cli.test_hub_models import ID, HubDesk
from tests.families import save_random
from tests.hub_server import serve
from tests.train.support import demo_sites, load, make_record
from workbench.train.group_int4 import quantize_groups

pytestmark = pytest.mark.slow


@pytest.fixture
def run(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # the command sets it, and the process is the test's
    return runner(desk, monkeypatch, capsys)


def test_the_errors_are_those_that_loading_measures(run: Run) -> None:
    shown = run("model", "show", "demo", "--quant", "nf4,int4:32,int8", "--json").json
    named = {"nf4": ("nf4", 64), "int4:32": ("int4", 32), "int8": ("int8", None)}
    for name, (base, blocksize) in named.items():
        norms = load(make_record(demo_sites(base=base, blocksize=blocksize))).norms
        assert set(norms) == {site["name"] for site in shown["sites"]}
        for site in shown["sites"]:
            assert site["quant_error"][name] == pytest.approx(norms[site["name"]].quant_error, rel=1e-5)
            assert site["weight_norm"] == pytest.approx(norms[site["name"]].weight_norm, rel=1e-6)
    assert [f["bits"] for f in shown["formats"]] == [pytest.approx(4.127, abs=1e-3), 6.0, 8.0]


def test_a_group_has_the_error_of_its_weights_taken_as_one(run: Run) -> None:
    shown = run("model", "show", "demo", "--quant", "nf4", "--json").json
    groups = {group["group"]: group for group in shown["groups"]}
    assert list(groups)[:5] == ["attention", "mlp", "lower", "middle", "upper"]
    assert list(groups)[-1] == "all"
    for name, kind in (("mlp", "type"), ("upper", "band"), ("down_proj", "module")):
        sites = [site for site in shown["sites"] if site[kind] == name]
        change = sum((site["quant_error"]["nf4"] * site["weight_norm"]) ** 2 for site in sites)
        norm = sum(site["weight_norm"] ** 2 for site in sites)
        assert groups[name]["sites"] == len(sites)
        assert groups[name]["quant_error"]["nf4"] == pytest.approx((change / norm) ** 0.5)
    assert groups["lower mlp"]["sites"] == 6


def test_as_text_it_is_a_table_of_groups_by_formats(run: Run) -> None:
    answer = run("model", "show", "demo", "--quant", "fp4, nf4:128")
    assert answer.code == 0
    lines = {line.split("  ")[0]: line.split() for line in answer.out.splitlines()}
    assert lines["group"] == ["group", "sites", "fp4", "nf4:128"]
    assert lines["bits per weight"] == ["bits", "per", "weight", "4.13", "4.06"]
    assert lines["middle attention"][2] == "8"
    assert all(0.05 < float(error) < 0.2 for error in lines["mlp"][2:])
    assert answer.out.startswith("demo: LlamaForCausalLM")


def test_where_a_format_does_not_fit_the_cell_says_so(run: Run, tmp_path: Path) -> None:
    save_random("qwen2", tmp_path / "model", hidden_size=64, intermediate_size=176)
    answer = run("model", "show", "model", "--quant", "nf4,int4")
    assert answer.code == 0
    rows = {line.split("  ")[0]: line for line in answer.out.splitlines()}
    assert rows["down_proj"].endswith("does not fit")
    assert "(of 6) 0." in rows["mlp"]
    assert "* down: int4 blocksize 64 does not divide in_features 176; no block size divides it: use nf4 there" in rows
    shown = run("model", "show", "model", "--quant", "nf4,int4", "--json").json
    down = next(site for site in shown["sites"] if site["module"] == "down_proj")
    assert down["quant_error"]["int4"] is None
    assert 0.05 < down["quant_error"]["nf4"] < 0.15
    assert "does not divide" in down["misfits"]["int4"]


@pytest.mark.parametrize("auto_class", ["AutoModelForCausalLM", "AutoModel"])
def test_fused_layers_shards_and_checkpoints_without_a_head(run: Run, tmp_path: Path, auto_class: str) -> None:
    from transformers import Phi3Config, Phi3ForCausalLM, Phi3Model

    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "vocab_size": 64, "pad_token_id": 0}
    config = Phi3Config(**sizes, num_attention_heads=4)
    model = (Phi3ForCausalLM if auto_class == "AutoModelForCausalLM" else Phi3Model)(config)
    model.save_pretrained(tmp_path / "model", max_shard_size="40kB")
    files = list((tmp_path / "model").glob("*.safetensors"))
    assert len(files) > 1
    stored = {name.removeprefix("model."): tensor for file in files for name, tensor in load_file(file).items()}
    shown = run("model", "show", "model", "--quant", "int4:32", "--json").json
    assert len(shown["sites"]) == 8
    for site in shown["sites"]:
        weight = stored[f"{site['name'].removeprefix('model.')}.weight"]
        error = (weight - quantize_groups(weight, 32).dense()).norm() / weight.norm()
        assert site["quant_error"]["int4:32"] == pytest.approx(error.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("formats", "code", "said"),
    [
        ("nf5", 3, "base format 'nf5' is not available in this version\n  did you mean 'nf4'?"),
        ("nf4,int4:100", 3, "base format 'int4:100': no block size '100'\n  one of 32, 64,"),
        ("int4:", 3, "base format 'int4:': no block size ''"),
        ("bf16:64", 3, "base format 'bf16:64': bf16 has no block size\n  write bf16"),
        (" , ", 2, "no base format named"),
    ],
)
def test_a_format_that_there_is_not_is_refused(run: Run, formats: str, code: int, said: str) -> None:
    answer = run("model", "show", "demo", "--quant", formats)
    assert answer.code == code
    assert said in answer.err
    assert answer.out == ""


def test_a_hub_id_without_weights_says_how_to_get_them(tmp_path: Path) -> None:
    with serve() as hub:
        hub.add(ID, save_random("llama", tmp_path / "served"))
        answer = HubDesk(tmp_path, hub.url)("model", "show", ID, "--quant", "nf4")
    assert answer.code == 4
    assert "the weights of someone/tiny are not on this machine" in answer.err
    assert "hf download someone/tiny" in answer.err
    assert "Traceback" not in answer.err


def test_an_all_zero_weight_has_no_error(run: Run, tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "vocab_size": 64}
    model = LlamaForCausalLM(LlamaConfig(**sizes, num_attention_heads=4))
    torch.nn.init.zeros_(model.get_submodule("model.layers.0.mlp.up_proj").weight)
    model.save_pretrained(tmp_path / "model")
    shown = run("model", "show", "model", "--quant", "nf4,int4,int8", "--json").json
    up = next(site for site in shown["sites"] if site["module"] == "up_proj")
    assert up["weight_norm"] == 0
    assert up["quant_error"] == {"nf4": 0, "int4": 0, "int8": 0}


@pytest.mark.parametrize("words", [["model", "show", "demo"], ["model", "show", "--help"]])
def test_without_the_option_torch_is_not_imported(words: list[str]) -> None:
    code = (
        f"import atexit, sys; sys.argv = ['workbench', *{words}]; from workbench.cli.main import main\n"
        "atexit.register(lambda: print('\\n', *sys.modules))\nmain()"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], text=True, capture_output=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "workbench.cli.model" in loaded
    assert loaded.isdisjoint({"torch", "bitsandbytes", "safetensors", "workbench.train"})
