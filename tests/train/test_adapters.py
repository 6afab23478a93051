"""LoRA per site against a dense float64 reference, and draws that belong to a site alone."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.train.support import demo_site, demo_sites, load, make_record, with_site
from workbench.run.record import SiteRecord
from workbench.train.adapters import ADAPTER, build_adapters, site_layers
from workbench.train.dense import dense_weight
from workbench.train.dropout import DrawClock, SiteDropout

UP = "model.layers.2.mlp.up_proj"
DOWN = "model.layers.2.mlp.down_proj"


def _layer(site: SiteRecord, seed: int = 1) -> Any:
    record = make_record((site,), seed=seed)
    model, _clock = build_adapters(load(record).model, record)
    return site_layers(model)[site.site]


def _fill_b(layer: Any) -> None:
    nn.init.normal_(layer.lora_B[ADAPTER].weight, std=0.05, generator=torch.Generator().manual_seed(3))


def _reference(layer: Any, scaling: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    weight = dense_weight(layer.get_base_layer()).double()
    a = layer.lora_A[ADAPTER].weight.detach().double().requires_grad_()
    b = layer.lora_B[ADAPTER].weight.detach().double().requires_grad_()
    return weight + scaling * b @ a, a, b


@pytest.mark.parametrize("base", ["nf4", "fp4", "fp32"])
@pytest.mark.parametrize("module", ["self_attn.q_proj", "self_attn.k_proj", "mlp.up_proj", "mlp.down_proj"])
@pytest.mark.parametrize(("r", "alpha"), [(1, 2.0), (5, 3.0), (16, 32.0)])
def test_forward_and_gradients_match_a_dense_float64_reference(base: str, module: str, r: int, alpha: float) -> None:
    site = demo_site(2, module, r, base, alpha=alpha, scaling=alpha / r)
    layer = _layer(site)
    _fill_b(layer)
    dense, a, b = _reference(layer, alpha / r)
    x = torch.randn(3, 7, site.in_features, generator=torch.Generator().manual_seed(5), requires_grad=True)
    x64 = x.detach().double().requires_grad_()
    out, exact = layer(x), x64 @ dense.T
    out.pow(2).sum().backward()
    exact.pow(2).sum().backward()
    pairs = [
        (out, exact),
        (x.grad, x64.grad),
        (layer.lora_A[ADAPTER].weight.grad, a.grad),
        (layer.lora_B[ADAPTER].weight.grad, b.grad),
    ]
    for ours, reference in pairs:
        assert ours is not None
        assert reference is not None
        assert (ours.double() - reference).norm() / reference.norm() < 1e-5


def test_a_new_adapter_changes_nothing() -> None:
    record = make_record(demo_sites())
    base = load(record)
    ids = torch.arange(4, 24).reshape(1, 20)
    with torch.no_grad():
        before = base.model(ids).logits
        model, _clock = build_adapters(base.model, record)
        assert torch.equal(model(ids).logits, before)


def test_the_initialization_of_a_site_depends_on_seed_and_site_alone() -> None:
    alone = _layer(demo_site(2, "mlp.up_proj")).lora_A[ADAPTER].weight
    record = make_record(demo_sites())
    model, _clock = build_adapters(load(record).model, record)
    together = {name: layer.lora_A[ADAPTER].weight for name, layer in site_layers(model).items()}
    assert torch.equal(alone, together[UP])
    assert not torch.equal(alone, together["model.layers.3.mlp.up_proj"])
    assert not torch.equal(alone, _layer(demo_site(2, "mlp.up_proj"), seed=2).lora_A[ADAPTER].weight)


def test_the_two_initializations() -> None:
    default = _layer(demo_site(0, "mlp.down_proj", 64)).lora_A[ADAPTER].weight
    assert default.abs().max() <= 1 / math.sqrt(384)
    assert default.std().item() == pytest.approx(1 / math.sqrt(3 * 384), rel=0.02)
    gaussian = _layer(demo_site(0, "mlp.down_proj", 64, init="gaussian")).lora_A[ADAPTER].weight
    assert gaussian.std().item() == pytest.approx(1 / 64, rel=0.02)


def test_rank_alpha_scaling_and_dropout_are_those_of_the_site() -> None:
    sites = with_site(demo_sites(4), UP, r=2, alpha=3.0, scaling=1.5, dropout=0.25, trainable_params=2 * 512)
    record = make_record(sites)
    model, _clock = build_adapters(load(record).model, record)
    layers = site_layers(model)
    up, down = layers[UP], layers[DOWN]
    assert (up.r[ADAPTER], up.lora_alpha[ADAPTER], up.scaling[ADAPTER]) == (2, 3.0, 1.5)
    assert isinstance(up.lora_dropout[ADAPTER], SiteDropout)
    assert (down.r[ADAPTER], down.scaling[ADAPTER]) == (4, 2.0)
    assert isinstance(down.lora_dropout[ADAPTER], nn.Identity)
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == record.trainable_params


def test_a_site_without_an_adapter_stays_as_it_is() -> None:
    sites = with_site(
        demo_sites(4), UP, method="none", trainable_params=0, **dict.fromkeys(("r", "alpha", "scaling", "dropout"))
    )
    record = make_record(sites)
    model, _clock = build_adapters(load(record).model, record)
    assert UP not in site_layers(model)
    assert len(site_layers(model)) == 41


@settings(deadline=None, max_examples=25)
@given(p=st.floats(0.05, 0.9), step=st.integers(0, 1000), site=st.sampled_from(["a", "b"]))
def test_dropout_masks_are_a_function_of_seed_site_and_step(p: float, step: int, site: str) -> None:
    clock = DrawClock(7)
    clock.step = step
    x = torch.ones(4, 512)
    first, again = SiteDropout(p, site, clock)(x), SiteDropout(p, site, clock)(x)
    assert torch.equal(first, again)
    kept = (first != 0).float().mean().item()
    assert kept == pytest.approx(1 - p, abs=0.08)
    assert first.max().item() == pytest.approx(1 / (1 - p), rel=1e-4)
    clock.step += 1
    assert not torch.equal(first, SiteDropout(p, site, clock)(x))
    assert torch.equal(SiteDropout(p, site, clock).eval()(x), x)
