"""The low-rank update in one operation: against float64, with dropout, in bf16, and what it leaves untouched."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.train.support import demo_site, load, make_record
from workbench.train.adapters import ADAPTER, build_adapters, site_layers
from workbench.train.dense import dense_weight
from workbench.train.dropout import SiteDropout
from workbench.train.update import PLAIN, Shape, add_update


def _tensors(tokens: int, i: int, o: int, r: int, dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(tokens + i + o + r)
    shapes = ((2, tokens, o), (2, tokens, i), (r, i), (o, r))
    return [torch.randn(shape, dtype=dtype, generator=generator).requires_grad_() for shape in shapes]


@settings(deadline=None, max_examples=25)
@given(tokens=st.integers(1, 3), i=st.integers(1, 6), o=st.integers(1, 6), r=st.integers(1, 4), drop=st.booleans())
def test_gradients_are_those_of_finite_differences(tokens: int, i: int, o: int, r: int, drop: bool) -> None:
    y, x, a, b = _tensors(tokens, i, o, r)
    dropped = torch.rand(x.shape, generator=torch.Generator().manual_seed(1)) < 0.3 if drop else None
    # y is changed in place, which a leaf does not allow.
    assert torch.autograd.gradcheck(lambda y, x, a, b: add_update(y * 1, x, a, b, 1.5, PLAIN, dropped), (y, x, a, b))


@settings(deadline=None, max_examples=25)
@given(
    tokens=st.integers(1, 3),
    pools=st.integers(1, 3),
    pool=st.sampled_from([1, 2, 3, 10]),
    repeats=st.integers(1, 3),
    repeat=st.sampled_from([1, 2, 3, 10]),
    r=st.integers(0, 3),
    drop=st.booleans(),
)
def test_averaging_repeating_and_dense_matrices(
    tokens: int, pools: int, pool: int, repeats: int, repeat: int, r: int, drop: bool
) -> None:
    """Against the change of the weight written out, and gradients against finite differences; r = 0 is dense."""
    i, o = pools * pool, repeats * repeat
    y, x, *_ = _tensors(tokens, i, o, 1)
    generator = torch.Generator().manual_seed(i + o)
    shapes = ((r, pools), (repeats, r)) if r else ((repeats, pools),)
    factors = [torch.randn(shape, dtype=torch.float64, generator=generator).requires_grad_() for shape in shapes]
    a, b = factors if r else (factors[0], None)
    dropped = torch.rand((2, tokens, pools), generator=generator) < 0.3 if drop else None

    def add(y: torch.Tensor, x: torch.Tensor, *factors: torch.Tensor) -> torch.Tensor:
        b = factors[1] if len(factors) == 2 else None
        return add_update(y * 1, x, factors[0], b, 1.5, Shape(pool, repeat), dropped)

    means = x.view(2, tokens, pools, pool).mean(-1)
    means = means if dropped is None else means.masked_fill(dropped, 0.0)
    core = a if b is None else b @ a
    expected = y + 1.5 * (means @ core.T).repeat_interleave(repeat, -1)
    assert torch.allclose(add(y, x, *factors), expected, atol=1e-12)
    assert torch.autograd.gradcheck(add, (y, x, *factors))


def test_what_is_added() -> None:
    y, x, a, b = _tensors(5, 12, 9, 3)
    dropped = torch.rand(x.shape, generator=torch.Generator().manual_seed(1)) < 0.3
    expected = y + 1.5 * (x.masked_fill(dropped, 0.0) @ a.T @ b.T)
    assert torch.allclose(add_update(y.detach().clone(), x, a, b, 1.5, PLAIN, dropped), expected, atol=1e-12)


def test_a_layer_output_that_is_a_view_is_left_as_it_was() -> None:
    _, x, a, b = _tensors(5, 12, 9, 3)
    storage = torch.zeros(10, 9, dtype=torch.float64, requires_grad=True) * 1
    out = add_update(storage.view(2, 5, 9), x, a, b, 1.0)
    out.sum().backward()
    assert storage.eq(0).all()
    assert torch.allclose(out, x @ a.T @ b.T)
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


def test_bf16_outputs_are_rounded_once_and_gradients_keep_their_dtypes() -> None:
    y, x, a, b = (t.detach().float().requires_grad_() for t in _tensors(7, 32, 16, 4))
    y16, x16 = y.detach().bfloat16(), x.detach().bfloat16().requires_grad_()
    exact = y16.double() + 2 * (x16.detach().double() @ a.detach().double().T @ b.detach().double().T)
    out = add_update(y16.clone(), x16, a, b, 2.0)
    out.float().pow(2).sum().backward()
    assert out.dtype == torch.bfloat16
    assert ((out.double() - exact).abs() <= exact.abs() * 2**-8 + 1e-4).all()
    assert x16.grad is not None
    assert a.grad is not None
    assert b.grad is not None
    assert (x16.grad.dtype, a.grad.dtype, b.grad.dtype) == (torch.bfloat16, torch.float32, torch.float32)


@pytest.mark.parametrize("base", ["nf4", "int8", "bf16", "fp32"])
def test_a_site_with_dropout_matches_float64_with_the_same_mask(base: str) -> None:
    record = make_record((demo_site(2, "mlp.up_proj", 4, base, dropout=0.25),))
    model, clock = build_adapters(load(record).model, record)
    clock.step = 3
    layer: Any = site_layers(model.train())["model.layers.2.mlp.up_proj"]
    nn.init.normal_(layer.lora_B[ADAPTER].weight, std=0.05, generator=torch.Generator().manual_seed(3))
    dropout = layer.lora_dropout[ADAPTER]
    assert isinstance(dropout, SiteDropout)
    x = torch.randn(3, 7, 128, generator=torch.Generator().manual_seed(5), requires_grad=True)
    x64 = x.detach().double().requires_grad_()
    a, b = (layer.get_submodule(f"lora_{k}.{ADAPTER}").weight.detach().double().requires_grad_() for k in "AB")
    dropped = x64.masked_fill(dropout.draw(x.shape, x.device), 0.0) / 0.75
    exact = x64 @ dense_weight(layer.get_base_layer()).double().T + 2 * (dropped @ a.T @ b.T)
    out = layer(x)
    out.pow(2).sum().backward()
    exact.pow(2).sum().backward()
    tolerance = 2**-7 if base == "bf16" else 1e-4
    grads = [layer.lora_A[ADAPTER].weight.grad, layer.lora_B[ADAPTER].weight.grad]
    for ours, reference in zip((out, x.grad, *grads), (exact, x64.grad, a.grad, b.grad), strict=True):
        assert reference is not None
        assert (ours.double() - reference).norm() / reference.norm() < tolerance
    assert not torch.equal(layer(x), layer.eval()(x))


def test_a_disabled_adapter_gives_the_base() -> None:
    record = make_record((demo_site(2, "mlp.up_proj", 4, "fp32"),))
    model, _clock = build_adapters(load(record).model, record)
    layer: Any = site_layers(model)["model.layers.2.mlp.up_proj"]
    nn.init.normal_(layer.lora_B[ADAPTER].weight, generator=torch.Generator().manual_seed(3))
    x = torch.randn(3, 7, 128, generator=torch.Generator().manual_seed(5))
    with model.disable_adapter():
        assert torch.equal(layer(x), layer.get_base_layer()(x))
    assert not torch.equal(layer(x), layer.get_base_layer()(x))
