import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.train.support import demo_sites, load, make_record
from workbench.train.adapters import build_adapters, delta_factors, site_layers
from workbench.train.site_stats import GradNormMeter, effective_rank, singular_values, site_statistics


@settings(deadline=None, max_examples=50)
@given(r=st.integers(1, 8), i=st.integers(8, 40), o=st.integers(8, 40), seed=st.integers(0, 99))
def test_singular_values_are_those_of_the_dense_update(r: int, i: int, o: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randn(r, i, generator=generator), torch.randn(o, r, generator=generator)
    dense = torch.linalg.svdvals(b.double() @ a.double())[:r]
    assert torch.allclose(singular_values(a, b), dense, rtol=1e-9, atol=1e-9)


@given(k=st.integers(1, 20), scale=st.floats(0.01, 100))
def test_equal_singular_values_have_full_effective_rank(k: int, scale: float) -> None:
    assert effective_rank(torch.full((k,), scale, dtype=torch.float64)) == pytest.approx(k)
    padded = torch.cat([torch.full((k,), scale), torch.zeros(5)])
    assert effective_rank(padded) == pytest.approx(k, rel=1e-4)


def test_a_zero_update_has_no_effective_rank() -> None:
    assert effective_rank(torch.zeros(4)) is None


def test_the_rows_of_a_trained_model() -> None:
    record = make_record(demo_sites())
    base = load(record)
    model, _clock = build_adapters(base.model, record)
    meter = GradNormMeter(model)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter, std=0.05, generator=torch.Generator().manual_seed(len(name)))
    ids = torch.arange(4, 24).reshape(1, 20)
    model(input_ids=ids, labels=ids).loss.backward()
    meter.sample(1)
    rows = {row["site"]: row for row in site_statistics(model, base.norms, meter.means())}
    assert set(rows) == {site.site for site in record.sites}
    for name, layer in site_layers(model).items():
        a, b = delta_factors(layer)
        assert rows[name]["update_norm"] == pytest.approx((b @ a).norm().item(), rel=1e-5)
        assert 1 <= rows[name]["effective_rank"] <= 4
        grads = [p.grad.norm().item() for p in layer.parameters() if p.grad is not None]
        assert rows[name]["grad_norm"] == pytest.approx(math.hypot(*grads), rel=1e-5)
        assert rows[name]["grad_norm"] > 0


def test_gradient_norms_are_sampled_every_ten_steps() -> None:
    record = make_record(demo_sites())
    model, _clock = build_adapters(load(record).model, record)
    meter = GradNormMeter(model)
    parameters = [p for p in model.parameters() if p.requires_grad]
    for step in range(1, 13):
        for parameter in parameters:
            parameter.grad = torch.full_like(parameter, float(step in (1, 11)))
        meter.sample(step)
    expected = math.sqrt(4 * (128 + 384))
    assert meter.means()["model.layers.0.mlp.up_proj"] == pytest.approx(expected)


def test_a_site_without_an_adapter_has_a_zero_update() -> None:
    record = make_record(demo_sites(None))
    base = load(record)
    row = site_statistics(base.model, base.norms, {})[0]
    assert (row["update_norm"], row["effective_rank"], row["grad_norm"]) == (0.0, None, None)
    assert row["quant_error"] > 0
