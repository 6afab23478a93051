"""The int4 layer against what its codes say, in float64."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.plan.formats import site_bytes
from workbench.plan.settings import BaseSettings
from workbench.train.dense import dense_weight
from workbench.train.group_int4 import GroupCodes, GroupInt4Linear, quantize_groups

SIZES = {
    "out_features": st.integers(1, 24),
    "groups": st.integers(1, 6),
    "blocksize": st.sampled_from([2, 6, 32, 64, 128]),
    "seed": st.integers(0, 1000),
}


def _weight(out_features: int, in_features: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(out_features, in_features, generator=torch.Generator().manual_seed(seed))


def _exact(groups: GroupCodes) -> torch.Tensor:
    """scale·(code − zero) in float64: code k in the low half of byte k, code k + n/2 in the high half."""
    rows, count = groups.scales.shape
    numbers = [byte & 15 for byte in groups.codes.tolist()] + [byte >> 4 for byte in groups.codes.tolist()]
    codes = torch.tensor(numbers, dtype=torch.float64).view(rows, count, -1)
    return ((codes - groups.zeros.double()[..., None]) * groups.scales.double()[..., None]).view(rows, -1)


def _layer(
    weight: torch.Tensor, blocksize: int, bias: bool = False, compute_dtype: torch.dtype = torch.float32
) -> GroupInt4Linear:
    layer = GroupInt4Linear(weight.shape[1], weight.shape[0], bias, blocksize, compute_dtype)
    groups = quantize_groups(weight, blocksize)
    layer.qweight, layer.scales, layer.zeros = groups.codes, groups.scales, groups.zeros
    if layer.bias is not None:
        layer.bias.data = _weight(1, weight.shape[0], seed=7)[0]
    return layer


def _relative(found: torch.Tensor, exact: torch.Tensor) -> float:
    return ((found.double() - exact).norm() / exact.norm()).item()


@settings(deadline=None, max_examples=60)
@given(**SIZES)
def test_unpacking_gives_what_the_codes_say(out_features: int, groups: int, blocksize: int, seed: int) -> None:
    packed = quantize_groups(_weight(out_features, groups * blocksize, seed), blocksize)
    assert packed.dense().shape == (out_features, groups * blocksize)
    assert _relative(packed.dense(), _exact(packed)) < 1e-6


def test_a_weight_of_several_stretches_unpacks_like_its_rows_alone() -> None:
    """2.1 million weights: more than are unpacked at a time, and no multiple of that."""
    weight = _weight(1031, 2048)
    packed = quantize_groups(weight, 64)
    dense = packed.dense()
    for row in (0, 254, 256, 515, 516, 1030):
        assert torch.equal(dense[row], quantize_groups(weight[row : row + 1], 64).dense()[0])
    assert _relative(dense, weight.double()) == pytest.approx(0.090, abs=0.002)


@settings(deadline=None, max_examples=60)
@given(**SIZES)
def test_no_weight_is_further_off_than_half_a_step(out_features: int, groups: int, blocksize: int, seed: int) -> None:
    weight = _weight(out_features, groups * blocksize, seed)
    packed = quantize_groups(weight, blocksize)
    steps = packed.scales.double().repeat_interleave(blocksize, dim=1)
    assert ((_exact(packed) - weight.double()).abs() <= 0.5001 * steps).all()


@settings(deadline=None, max_examples=40)
@given(**SIZES, bias=st.booleans(), tokens=st.integers(1, 5))
def test_forward_and_the_gradient_to_x_match_float64(
    out_features: int, groups: int, blocksize: int, seed: int, bias: bool, tokens: int
) -> None:
    layer = _layer(_weight(out_features, groups * blocksize, seed), blocksize, bias)
    x = _weight(2 * tokens, layer.in_features, seed + 1).view(2, tokens, -1).requires_grad_()
    upstream = _weight(2 * tokens, out_features, seed + 2).view(2, tokens, -1)
    x64 = x.detach().double().requires_grad_()
    out = layer(x)
    exact = x64 @ _exact(layer.groups).T
    if layer.bias is not None:
        exact = exact + layer.bias.double()
    out.backward(upstream)
    exact.backward(upstream.double())
    assert x.grad is not None
    assert x64.grad is not None
    # A sum can cancel: the error of single precision is measured against what was summed.
    scale = x64.detach().norm() * _exact(layer.groups).norm() + 1e-30
    assert (out.double() - exact).norm() / scale < 1e-6
    assert (x.grad.double() - x64.grad).norm() / (upstream.norm() * _exact(layer.groups).norm()) < 1e-6


def test_the_error_on_normal_weights_is_that_of_nf4() -> None:
    weight = _weight(512, 1024)
    assert _relative(quantize_groups(weight, 64).dense(), weight.double()) == pytest.approx(0.090, abs=0.002)
    assert (
        quantize_groups(weight, 32).dense().sub(weight).norm() < quantize_groups(weight, 128).dense().sub(weight).norm()
    )


def test_constant_groups_are_kept() -> None:
    weight = _weight(4, 128)
    weight[0] = 0.0
    weight[1, :64] = 0.3
    weight[2, 64:] = -7e5
    stored = quantize_groups(weight, 64).dense()
    assert torch.equal(stored[0], torch.zeros(128))
    assert torch.equal(stored[1, :64], weight[1, :64])
    assert torch.equal(stored[2, 64:], weight[2, 64:])
    assert _relative(stored[3], weight[3].double()) < 0.12


@pytest.mark.parametrize("scale", [1e-44, 1e-39, 1e-30, 1e30])
@pytest.mark.parametrize("spread", [1e-12, 1e-7, 1e-5, 1.0])
def test_no_group_becomes_infinite(scale: float, spread: float) -> None:
    weight = scale * (1 + spread * _weight(8, 64))
    stored = quantize_groups(weight, 64).dense()
    assert stored.isfinite().all()
    assert (stored - weight).abs().max() <= 0.04 * (weight.max() - weight.min()) + 2e-6 * scale + 1e-36


def test_quantizing_twice_gives_the_same_bits_and_leaves_the_weight_alone() -> None:
    weight = _weight(33, 192)
    kept = weight.clone()
    one, other = quantize_groups(weight, 64), quantize_groups(weight, 64)
    assert torch.equal(one.codes, other.codes)
    assert torch.equal(one.dense(), other.dense())
    assert torch.equal(weight, kept)
    columns_first = weight.t().contiguous().t()
    assert torch.equal(quantize_groups(columns_first, 64).dense(), one.dense())


@pytest.mark.parametrize("blocksize", [48, 7])
def test_a_block_size_that_does_not_fit_is_refused(blocksize: int) -> None:
    with pytest.raises(ValueError, match=f"blocksize {blocksize} has to be even and to divide in_features 112"):
        quantize_groups(_weight(3, 112), blocksize)


@settings(deadline=None, max_examples=40)
@given(**SIZES, size=st.sampled_from([1e-4, 1e-2, 1.0]))
def test_moving_zero_points_adds_what_it_says(
    out_features: int, groups: int, blocksize: int, seed: int, size: float
) -> None:
    weight = _weight(out_features, groups * blocksize, seed)
    layer = _layer(weight, blocksize)
    before, codes = _exact(layer.groups), layer.qweight.clone()
    delta = size * _weight(out_features, groups, seed + 3)
    layer.move_zero_points(delta)
    wanted = before + delta.double().repeat_interleave(blocksize, dim=1)
    assert _relative(layer.groups.dense(), wanted) < 1e-6
    assert torch.equal(layer.qweight, codes)


def test_a_small_change_survives_in_the_zero_points() -> None:
    weight = 0.02 * _weight(256, 512)
    layer = _layer(weight, 64)
    before = _exact(layer.groups)
    delta = 0.0002 * _weight(256, 8, seed=1)
    layer.move_zero_points(delta)
    change = _exact(layer.groups) - before
    assert _relative(change, delta.double().repeat_interleave(64, dim=1)) < 1e-5


def test_a_change_of_another_shape_is_refused() -> None:
    layer = _layer(_weight(4, 128), 64)
    with pytest.raises(ValueError, match=r"\(4, 2\) expected, got \(4, 128\)"):
        layer.move_zero_points(torch.zeros(4, 128))


def test_backward_keeps_no_dense_weight() -> None:
    layer = _layer(_weight(64, 256), 64)
    x = torch.randn(2, 256, requires_grad=True)
    kept: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):  # type: ignore[func-returns-value]
        layer(x)
    assert {t.data_ptr() for t in kept} == {layer.qweight.data_ptr(), layer.scales.data_ptr(), layer.zeros.data_ptr()}


def test_the_output_has_the_dtype_of_x_and_the_precision_of_the_compute_dtype() -> None:
    weight = _weight(48, 128)
    x = _weight(5, 128, seed=1)
    exact = x.double() @ _exact(quantize_groups(weight, 64)).T
    in_bf16 = _layer(weight, 64, compute_dtype=torch.bfloat16)(x)
    in_fp32 = _layer(weight, 64)(x.bfloat16())
    assert in_bf16.dtype == torch.float32
    assert 1e-4 < _relative(in_bf16, exact) < 2**-7
    assert in_fp32.dtype == torch.bfloat16
    assert _relative(in_fp32, exact) < 2**-7


@pytest.mark.parametrize(("out_features", "in_features", "blocksize"), [(64, 128, 64), (33, 96, 32), (7, 4096, 4096)])
def test_its_state_is_as_large_as_the_plan_says(out_features: int, in_features: int, blocksize: int) -> None:
    layer = _layer(_weight(out_features, in_features), blocksize)
    state = layer.state_dict()
    assert set(state) == {"qweight", "scales", "zeros"}
    planned = site_bytes(out_features, in_features, BaseSettings("int4", blocksize))
    assert sum(tensor.nbytes for tensor in state.values()) == planned


def test_a_state_loads_into_an_empty_layer_and_copies_are_alike() -> None:
    layer = _layer(_weight(9, 128), 64, bias=True)
    empty = GroupInt4Linear(128, 9, True, 64, torch.float32)
    empty.load_state_dict(layer.state_dict())
    x = _weight(3, 128, seed=1)
    assert torch.equal(empty(x), layer(x))
    assert torch.equal(copy.deepcopy(layer)(x), layer(x))
    assert torch.equal(dense_weight(layer), layer.groups.dense())


def test_casting_a_model_leaves_the_zero_points_exact() -> None:
    layer = _layer(_weight(9, 128), 64, bias=True)
    stored = layer.groups.dense()
    model = torch.nn.Sequential(layer, torch.nn.Linear(9, 3)).to(torch.bfloat16)
    assert model[1].weight.dtype == torch.bfloat16
    assert layer.zeros.dtype == torch.float32
    assert torch.equal(layer.groups.dense(), stored)


def test_it_moves_between_devices() -> None:
    layer = _layer(_weight(9, 128), 64)
    on_meta = copy.deepcopy(layer).to("meta")
    assert {t.device.type for t in on_meta.state_dict().values()} == {"meta"}
    assert on_meta(torch.empty(2, 128, device="meta")).shape == (2, 9)
    back = on_meta.to_empty(device="cpu")
    back.load_state_dict(layer.state_dict())
    assert torch.equal(back.groups.dense(), layer.groups.dense())
