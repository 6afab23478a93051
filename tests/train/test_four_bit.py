"""Weights whose rows do not end where blocks end: right on the CPU too."""

import bitsandbytes as bnb
import pytest
import torch
from bitsandbytes.functional import dequantize_4bit, quantize_4bit
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.train.four_bit import RaggedLinear4bit, dense_4bit, make_4bit


def _quantized(out_features: int, in_features: int, blocksize: int, quant_type: str = "nf4") -> bnb.nn.Params4bit:
    weight = torch.randn(out_features, in_features, generator=torch.Generator().manual_seed(out_features))
    return bnb.nn.Params4bit(
        weight, requires_grad=False, blocksize=blocksize, compress_statistics=False, quant_type=quant_type
    ).to("cpu")


def _unpacked(weight: bnb.nn.Params4bit) -> torch.Tensor:
    """The weight straight from its codes: high half of each byte first, a scale for every `blocksize` values."""
    state = weight.quant_state
    packed = weight.data.flatten()
    codes = torch.stack([packed >> 4, packed & 15], dim=1).flatten()[: state.shape.numel()]
    scales = state.absmax.repeat_interleave(state.blocksize)[: state.shape.numel()]
    return (state.code[codes.long()] * scales).reshape(state.shape)


@settings(deadline=None, max_examples=60)
@given(
    out_features=st.integers(1, 24),
    in_features=st.integers(1, 300),
    blocksize=st.sampled_from([32, 64, 128, 256]),
    quant_type=st.sampled_from(["nf4", "fp4"]),
)
def test_dequantizing_gives_what_the_codes_say(
    out_features: int, in_features: int, blocksize: int, quant_type: str
) -> None:
    weight = _quantized(out_features, in_features, blocksize, quant_type)
    assert torch.allclose(dense_4bit(weight), _unpacked(weight), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("out_features", "in_features", "blocksize"), [(64, 176, 64), (33, 96, 64), (48, 384, 256)])
@pytest.mark.parametrize("bias", [False, True])
def test_a_ragged_layer_matches_float64(out_features: int, in_features: int, blocksize: int, bias: bool) -> None:
    layer = make_4bit(in_features, out_features, bias, blocksize=blocksize, compute_dtype=torch.float32)
    assert isinstance(layer, RaggedLinear4bit)
    layer.weight = _quantized(out_features, in_features, blocksize)
    x = torch.randn(3, 5, in_features, generator=torch.Generator().manual_seed(1), requires_grad=True)
    x64 = x.detach().double().requires_grad_()
    out = layer(x)
    exact = x64 @ _unpacked(layer.weight).double().T + (layer.bias.detach().double() if bias else 0.0)
    out.pow(2).sum().backward()
    exact.pow(2).sum().backward()
    assert x.grad is not None
    assert x64.grad is not None
    assert (out.double() - exact).norm() / exact.norm() < 1e-5
    assert (x.grad.double() - x64.grad).norm() / x64.grad.norm() < 1e-5


def test_a_shape_that_fits_is_bitsandbytes_own_layer() -> None:
    assert type(make_4bit(128, 64, False, blocksize=64)) is bnb.nn.Linear4bit


def test_the_fault_of_the_cpu_kernel_is_still_there() -> None:
    """If this fails, bitsandbytes has mended it and `RaggedLinear4bit` can go. CPUs without AVX-512 never had it."""
    weight = torch.randn(64, 176, generator=torch.Generator().manual_seed(0))
    packed, state = quantize_4bit(weight, quant_type="nf4")
    wrong = (dequantize_4bit(packed, state) - weight).norm() / weight.norm() > 0.15
    assert wrong == (torch.backends.cpu.get_cpu_capability() == "AVX512")
    flat = dense_4bit(bnb.nn.Params4bit(weight, requires_grad=False, quant_type="nf4").to("cpu"))
    assert (flat - weight).norm() / weight.norm() < 0.1
