from dataclasses import replace
from pathlib import Path

import bitsandbytes as bnb
import pytest
import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM

from tests.train.support import BASE, CPU, demo_site, demo_sites, load, make_record
from workbench.plan.formats import site_bytes
from workbench.plan.settings import BaseSettings
from workbench.train.base import load_base
from workbench.train.dense import dense_weight
from workbench.train.four_bit import keep_unpacked
from workbench.train.group_int4 import GroupInt4Linear, quantize_groups
from workbench.train.linear import CastingLinear

IDS = torch.arange(4, 44).reshape(2, 20)


@pytest.mark.parametrize("compute_dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("quant_type", "double_quant"), [("nf4", True), ("nf4", False), ("fp4", True)])
def test_a_uniform_plan_equals_what_transformers_loads(
    quant_type: str, double_quant: bool, compute_dtype: torch.dtype
) -> None:
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=quant_type,
        bnb_4bit_use_double_quant=double_quant,
        bnb_4bit_compute_dtype=compute_dtype,
    )
    theirs = AutoModelForCausalLM.from_pretrained(
        BASE, dtype=compute_dtype, device_map={"": "cpu"}, quantization_config=config
    )
    for layer in theirs.modules():
        if isinstance(layer, bnb.nn.Linear4bit):
            keep_unpacked(layer)
    record = make_record(demo_sites(base=quant_type, double_quant=double_quant))
    ours = load_base(record, CPU, compute_dtype).model
    with torch.no_grad():
        assert torch.equal(ours(IDS).logits, theirs(IDS).logits)


def test_every_site_gets_its_own_format_block_size_and_double_quantization() -> None:
    sites = (
        demo_site(0, "self_attn.q_proj", blocksize=128, double_quant=False),
        demo_site(0, "self_attn.k_proj", base="fp4", blocksize=32),
        demo_site(0, "mlp.up_proj", base="bf16"),
        demo_site(0, "mlp.down_proj", base="fp32"),
    )
    base = load(make_record(sites))
    q, k, up, down = (base.model.get_submodule(site.site) for site in sites)
    state = q.weight.quant_state
    assert (state.quant_type, state.blocksize, state.nested) == ("nf4", 128, False)
    state = k.weight.quant_state
    assert (state.quant_type, state.blocksize, state.nested) == ("fp4", 32, True)
    assert isinstance(up, CastingLinear)
    assert up.weight.dtype == torch.bfloat16
    assert down.weight.dtype == torch.float32
    assert type(base.model.get_submodule("model.layers.1.mlp.up_proj")) is torch.nn.Linear
    assert base.model(IDS).logits.dtype == torch.float32


def test_the_measured_error_is_that_of_the_stored_weight() -> None:
    sites = (demo_site(2, "mlp.down_proj"), demo_site(3, "mlp.down_proj", base="bf16"))
    base = load(make_record(sites))
    original = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    for site in sites:
        weight = original.get_submodule(site.site).weight.detach()
        stored = dense_weight(base.model.get_submodule(site.site))
        expected = ((weight - stored).norm() / weight.norm()).item()
        assert base.norms[site.site].quant_error == pytest.approx(expected, rel=1e-5, abs=1e-12)
        assert base.norms[site.site].weight_norm == pytest.approx(weight.norm().item(), rel=1e-6)
    assert 0.05 < base.norms[sites[0].site].quant_error < 0.15
    assert base.norms[sites[1].site].quant_error == 0  # the demo base is stored in bf16


def test_a_casting_linear_matches_float64_within_its_own_precision() -> None:
    layer = CastingLinear(48, 32, bias=True, dtype=torch.bfloat16)
    x = torch.randn(5, 48, generator=torch.Generator().manual_seed(1))
    out = layer(x)
    exact = x.double() @ layer.weight.detach().double().T + layer.bias.detach().double()
    assert out.dtype == torch.float32
    assert (out - exact).norm() / exact.norm() < 2**-7


def test_nothing_of_the_base_is_trainable_and_its_size_is_told() -> None:
    base = load(make_record(demo_sites()))
    assert not any(p.requires_grad for p in base.model.parameters())
    sites = sum(s.in_features * s.out_features for s in demo_sites())
    embeddings = 100 * 128 * 4
    assert sites * 0.5 + embeddings < base.bytes < sites * 0.55 + embeddings + 13 * 128 * 4 + 42 * 1024


MIXED = (
    demo_site(0, "self_attn.q_proj"),
    demo_site(0, "mlp.down_proj", base="int4", blocksize=64),
    demo_site(1, "self_attn.k_proj", base="int4", blocksize=32),
    demo_site(1, "self_attn.v_proj", base="fp4", blocksize=128),
    demo_site(2, "mlp.up_proj", base="int8"),
    demo_site(3, "mlp.up_proj", base="bf16"),
    demo_site(4, "mlp.up_proj", base="fp32"),
)


@pytest.mark.parametrize("compute_dtype", [torch.float32, torch.bfloat16])
def test_int4_loads_beside_all_other_formats_and_nothing_is_missing(compute_dtype: torch.dtype) -> None:
    base = load_base(make_record(MIXED), CPU, compute_dtype)
    original = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    assert base.missing == ()
    assert set(base.norms) == {site.site for site in MIXED}
    for site in MIXED[1:3]:
        layer, weight = base.model.get_submodule(site.site), original.get_submodule(site.site).weight.detach()
        assert isinstance(layer, GroupInt4Linear)
        assert set(layer.state_dict()) == {"qweight", "scales", "zeros"}
        assert layer.zeros.dtype == torch.float32
        stored = dense_weight(layer)
        assert site.blocksize is not None
        assert torch.equal(stored, quantize_groups(weight, site.blocksize).dense())
        error = ((weight - stored).norm() / weight.norm()).item()
        assert base.norms[site.site].quant_error == pytest.approx(error, rel=1e-5)
        assert 0.05 < error < 0.15
    logits = base.model(IDS).logits
    assert logits.dtype == compute_dtype
    assert (logits - original(IDS).logits).norm() / original(IDS).logits.norm() < 0.2


def test_a_mixed_base_loads_twice_to_the_same_bits() -> None:
    one, other = (load(make_record(MIXED)) for _ in range(2))
    assert one.bytes == other.bytes
    assert one.norms == other.norms
    for name, tensor in one.model.state_dict().items():
        assert torch.equal(tensor, other.model.state_dict()[name]), name


def test_an_int4_base_is_as_large_as_planned_and_trains_through() -> None:
    sites = demo_sites(base="int4", blocksize=64)
    base = load(make_record(sites))
    planned = sum(site_bytes(s.out_features, s.in_features, BaseSettings("int4", 64)) for s in sites)
    rest = sum(t.nbytes for n, t in base.model.state_dict().items() if "proj" not in n and "lm_head" not in n)
    assert base.bytes == planned + rest
    embedded = base.model.get_input_embeddings()(IDS).requires_grad_()
    base.model(inputs_embeds=embedded).logits.pow(2).sum().backward()
    assert embedded.grad is not None
    assert embedded.grad.norm() > 0


def test_a_bias_of_the_checkpoint_reaches_an_int4_layer(tmp_path: Path) -> None:
    config = LlamaConfig(
        hidden_size=64, intermediate_size=96, num_hidden_layers=1, vocab_size=50, num_attention_heads=4,
        num_key_value_heads=2, attention_bias=True,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    bias = torch.randn(64, generator=torch.Generator().manual_seed(1))
    model.get_submodule("model.layers.0.self_attn.q_proj").bias.data = bias
    model.save_pretrained(tmp_path)
    site = demo_site(0, "self_attn.q_proj", base="int4", blocksize=32, in_features=64, out_features=64)
    base = load(replace(make_record((site,)), model_path=str(tmp_path)))
    layer = base.model.get_submodule(site.site)
    assert torch.equal(layer.bias, bias)
    assert not layer.bias.requires_grad
    assert torch.equal(layer(torch.zeros(1, 64))[0], bias)
