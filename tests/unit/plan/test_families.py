"""Every family and variant: what the map says is what transformers loads."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.families import VARIANTS, save_random
from tests.unit.plan.support import make_plan
from tests.unit.plan.test_cost import saved_bytes
from workbench.plan.cost import memory
from workbench.plan.families import FAMILIES
from workbench.plan.model_map import load_map
from workbench.run.layout import Home

SaveModel = Callable[..., Path]
AUTO_CLASSES = ("AutoModelForCausalLM", "AutoModel")
TORCH_NAMES = {"fp32": "float32", "bf16": "bfloat16"}
SHORT_NAMES = {
    "phi3": "qkv o gate_up down",
    "gpt_neox": "qkv o up down",
    "falcon": "qkv o up down",
    "bloom": "qkv o up down",
    "opt": "q k v o up down",
}


def linears(model: Any) -> dict[str, tuple[int, int]]:
    """Every linear layer of a loaded model, by name, as (out, in)."""
    import torch

    return {
        name: (module.out_features, module.in_features)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
    }


@pytest.mark.parametrize("auto_class", AUTO_CLASSES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_map_agrees_with_the_loaded_model(saved_model: SaveModel, variant: str, auto_class: str) -> None:
    from transformers import AutoModelForCausalLM

    folder = saved_model(variant, auto_class)
    model = AutoModelForCausalLM.from_pretrained(folder)
    model_map, config = load_map(folder), model.config
    sites = {site.name: (site.out_features, site.in_features) for site in model_map.sites}
    skipped = {part.name for part in model_map.skipped}
    found = linears(model)
    assert {name: shape for name, shape in found.items() if name in sites} == sites
    assert found.keys() - sites.keys() <= skipped  # nothing is dropped in silence
    assert "lm_head" in skipped
    assert model_map.base_params == sum(parameter.numel() for parameter in model.parameters())
    assert model_map.tie_word_embeddings == config.tie_word_embeddings
    assert model_map.blocks == config.num_hidden_layers
    assert model_map.hidden_size == config.hidden_size
    assert (model_map.warnings != ()) == (auto_class == "AutoModel" and not config.tie_word_embeddings)


@pytest.mark.parametrize("variant", VARIANTS)
def test_widths_are_those_of_the_attention(saved_model: SaveModel, variant: str) -> None:
    from transformers import AutoConfig

    folder = saved_model(variant)
    model_map, config = load_map(folder), AutoConfig.from_pretrained(folder)
    heads = config.num_attention_heads
    kv_heads = getattr(config, "num_key_value_heads", None) or getattr(config, "num_kv_heads", heads)
    if getattr(config, "multi_query", False) and not config.new_decoder_architecture:
        kv_heads = 1
    assert model_map.num_attention_heads == heads
    assert model_map.num_key_value_heads == kv_heads
    assert model_map.head_dim == (getattr(config, "head_dim", None) or config.hidden_size // heads)


@pytest.mark.parametrize("family", FAMILIES)
def test_short_names_select_one_module_in_every_block(saved_model: SaveModel, home: Home, family: str) -> None:
    names = SHORT_NAMES.get(family, "q k v o gate up down").split()
    assert [module.short for module in FAMILIES[family].modules] == names
    for name in names:
        plan = make_plan(home, saved_model(family), f"* {name} r=2")
        assert [p.site.block for p in plan.adapted] == [0, 1, 2]
    whole = make_plan(home, saved_model(family), "* attn r=2", "* mlp r=3")
    assert {p.adapter.r for p in whole.sites if p.adapter} == {2, 3}
    assert len(whole.adapted) == len(whole.sites) == 3 * len(names)


def test_what_variants_have_outside_their_blocks_is_named(saved_model: SaveModel) -> None:
    reasons = {part.name: part.reason for part in load_map(saved_model("opt-projected-post-norm")).skipped}
    assert "outside the blocks" in reasons["model.decoder.project_in"]
    assert "outside the blocks" in reasons["model.decoder.project_out"]
    assert "look rows up" in reasons["model.decoder.embed_positions"]
    assert "model.decoder.final_layer_norm" not in reasons
    plain = {part.name for part in load_map(saved_model("opt")).skipped}
    assert "model.decoder.project_in" not in plain
    assert {"model.decoder.final_layer_norm", "model.decoder.layers.*.final_layer_norm"} <= plain


def test_norms_of_heads_and_extra_norms_are_named(saved_model: SaveModel) -> None:
    def norms(variant: str) -> set[str]:
        skipped = load_map(saved_model(variant)).skipped
        return {part.name.partition("*.")[2] for part in skipped if "norm has no weight" in part.reason}

    assert {"self_attn.q_norm", "self_attn.k_norm"} <= norms("qwen3")
    assert {"pre_feedforward_layernorm", "post_feedforward_layernorm"} <= norms("gemma2")
    assert "self_attn.q_layernorm.norms.*" in norms("stablelm-qk-norms-parallel")
    assert "self_attn.q_layernorm.norms.*" not in norms("stablelm")
    assert norms("falcon") == {"ln_attn", "ln_mlp", ""}
    assert norms("falcon-one-norm") == {"input_layernorm", ""}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize("modules", ["all", "attn", "mlp"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_memory_is_what_autograd_keeps_or_a_little_more(
    tmp_path: Path, home: Home, variant: str, modules: str, dtype: str
) -> None:
    import torch

    sizes = {"hidden_size": 64, "intermediate_size": 160}
    narrow = {"word_embed_proj_dim": 64, "ffn_dim": 160, "dropout": 0.0} if variant.startswith("opt") else {}
    folder, tokens = save_random(variant, tmp_path / "model", **sizes, **narrow), 40
    plan, upper = (make_plan(home, folder, f"{blocks} {modules} r=4", base=dtype) for blocks in ("*", "1-"))
    kept = [saved_bytes(folder, n, plan, getattr(torch, TORCH_NAMES[dtype]), tokens) for n in (3, 2)]
    measured = kept[0] - kept[1]
    predicted = memory(plan, tokens, dtype).activations - memory(upper, tokens, dtype).activations
    assert 0.75 * predicted < measured < 1.01 * predicted


def test_the_length_of_sequences_counts_where_attention_keeps_its_matrix(saved_model: SaveModel, home: Home) -> None:
    def activations(family: str, length: int | None) -> int:
        return memory(make_plan(home, saved_model(family), "* all r=2"), 64, sequence_length=length).activations

    assert activations("bloom", 64) == activations("bloom", None)
    assert activations("bloom", 64) - activations("bloom", 32) == 64 * 3 * 4 * (32 * 4)  # tokens, blocks, bytes, scores
    assert activations("gemma2", 64) > activations("gemma2", 32)
    assert activations("llama", 64) == activations("llama", 32)
