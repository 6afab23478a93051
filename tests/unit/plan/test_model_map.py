import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.plan.support import LLAMA_CONFIG, llama_tensors, write_config, write_llama, write_safetensors
from workbench.errors import InvalidError, NotFoundError
from workbench.plan.families import FAMILIES
from workbench.plan.model_map import load_map, map_json
from workbench.plan.site import band_of


def test_sites_come_block_by_block_with_type_and_depth(llama: Path) -> None:
    model_map = load_map(llama)
    assert [site.module for site in model_map.sites[:7]] == [
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    ]  # fmt: skip
    down = model_map.site("model.layers.3.mlp.down_proj")
    assert (down.block, down.layer_type, down.depth, down.band, down.params) == (3, "mlp", 1.0, "upper", 384)
    assert (down.out_features, down.in_features) == (16, 24)


def test_head_of_a_base_class_checkpoint_is_warned_about(saved_model: Callable[[str, str], Path]) -> None:
    assert "starts at random" in load_map(saved_model("gpt_neox", "AutoModel")).warnings[0]
    assert load_map(saved_model("gpt_neox", "AutoModelForCausalLM")).warnings == ()
    assert load_map(saved_model("llama", "AutoModel")).warnings == ()  # its head is tied


def test_a_tied_head_on_disk_is_counted_once(tmp_path: Path) -> None:
    folder = write_llama(tmp_path / "m")
    expected = load_map(folder).base_params
    write_safetensors(folder / "model.safetensors", {**llama_tensors(4), "lm_head.weight": (10, 16)})
    assert load_map(folder).base_params == expected
    assert [s.reason for s in load_map(folder).skipped if s.name == "lm_head"] == ["tied to the embeddings"]


def test_tensors_that_are_not_loaded_are_skipped_once_for_all_blocks(tmp_path: Path) -> None:
    folder = write_llama(tmp_path / "m")
    expected = load_map(folder).base_params
    old = {f"model.layers.{block}.self_attn.rotary_emb.inv_freq": (4,) for block in range(4)}
    write_safetensors(folder / "model.safetensors", {**llama_tensors(4), **old})
    model_map = load_map(folder)
    names = [skipped.name for skipped in model_map.skipped]
    assert names.count("model.layers.*.self_attn.rotary_emb.inv_freq") == 1
    assert len(names) == 6
    assert model_map.base_params == expected


@pytest.mark.parametrize(("blocks", "counts"), [(4, [1, 2, 1]), (28, [9, 10, 9])])
def test_bands(tmp_path: Path, blocks: int, counts: list[int]) -> None:
    sites = load_map(write_llama(tmp_path / "m", blocks)).sites
    per_band = [len({site.block for site in sites if site.band == band}) for band in ("lower", "middle", "upper")]
    assert per_band == counts
    assert all(site.band == band_of(site.block, blocks) for site in sites)


def test_demo_is_package_data() -> None:
    model_map = load_map("demo")
    assert model_map.model == "demo"
    assert model_map.architecture == "LlamaForCausalLM"
    assert len(model_map.sites) == model_map.blocks * 7


def test_map_json(llama: Path) -> None:
    answer = map_json(load_map(llama))
    assert (answer["architecture"], answer["blocks"], len(answer["sites"])) == ("LlamaForCausalLM", 4, 28)
    assert answer["sites"][1] == {
        "name": "model.layers.0.self_attn.k_proj",
        "block": 0,
        "module": "k_proj",
        "type": "attention",
        "depth": 0.0,
        "band": "lower",
        "shape": [8, 16],
        "params": 128,
    }
    assert {"name": "lm_head", "reason": "tied to the embeddings"} in answer["skipped"]
    assert json.loads(json.dumps(answer)) == answer


def test_an_unknown_site_gets_the_nearest_one(llama: Path) -> None:
    with pytest.raises(NotFoundError) as error:
        load_map(llama).site("model.layers.3.mlp.up")
    assert error.value.hint == "did you mean 'model.layers.3.mlp.up_proj'?"


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as error:
        load_map(tmp_path / "nothing" / "here")
    assert "hf download" not in error.value.hint


def refused(folder: Path) -> InvalidError:
    with pytest.raises(InvalidError) as error:
        load_map(folder)
    assert error.value.hint
    return error.value


def test_a_file_is_no_model(llama: Path) -> None:
    assert "a file, where a model is a folder" in refused(llama / "config.json").title


def test_folders_without_config_or_weights(tmp_path: Path) -> None:
    assert "no config.json" in refused(tmp_path).title
    (tmp_path / "adapter_config.json").write_text("{}", encoding="utf-8")
    assert "this is an adapter" in refused(tmp_path).hint
    write_config(tmp_path, LLAMA_CONFIG)
    assert "no weights" in refused(tmp_path).title


def test_unknown_families_list_the_known_ones(tmp_path: Path) -> None:
    error = refused(write_llama(tmp_path / "m", model_type="mamba"))
    assert "model_type 'mamba' is not supported" in error.title
    assert all(family in error.hint for family in FAMILIES)
    near = refused(write_llama(tmp_path / "n", model_type="qwen"))
    assert near.hint.startswith("did you mean 'qwen2'?") or near.hint.startswith("did you mean 'qwen3'?")
    assert "gpt_neox" in near.hint


def test_integer_weights(tmp_path: Path) -> None:
    folder = write_llama(tmp_path / "m")
    write_safetensors(folder / "model.safetensors", llama_tensors(4), "I8", 1)
    assert "model.layers.0.self_attn.q_proj is stored as I8" in refused(folder).title


def test_weights_of_a_block_are_missing(tmp_path: Path) -> None:
    error = refused(write_llama(tmp_path / "m", blocks=2, num_hidden_layers=3))
    assert "no weight for model.layers.2.self_attn.q_proj" in error.title


@pytest.mark.parametrize("key", ["hidden_size", "num_hidden_layers", "vocab_size", "num_attention_heads"])
def test_a_config_without_a_size(tmp_path: Path, key: str) -> None:
    assert f"'{key}' is None" in refused(write_llama(tmp_path / "m", 4, **{key: None})).title


def test_a_moved_folder_keeps_its_fingerprint(llama: Path, tmp_path: Path) -> None:
    shutil.copytree(llama, tmp_path / "moved")
    assert load_map(tmp_path / "moved").fingerprint == load_map(llama).fingerprint
