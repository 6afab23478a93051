import pytest

from workbench.errors import InvalidError
from workbench.plan.catalogue import CATALOGUE, method_entry
from workbench.plan.formats import BLOCKSIZES, FORMATS, base_format, bits_per_weight, site_bytes
from workbench.plan.keys import ADAPTER_KEYS, BASE_KEYS


@pytest.mark.parametrize("double_quant", [True, False])
@pytest.mark.parametrize("blocksize", BLOCKSIZES)
@pytest.mark.parametrize("shape", [(128, 384), (33, 7), (130, 70)])
@pytest.mark.parametrize("quant_type", ["nf4", "fp4"])
def test_site_bytes_are_those_of_bitsandbytes(
    quant_type: str, shape: tuple[int, int], blocksize: int, double_quant: bool
) -> None:
    import torch
    from bitsandbytes.functional import quantize_4bit

    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    packed, state = quantize_4bit(weight, blocksize=blocksize, compress_statistics=double_quant, quant_type=quant_type)
    scales = [state.absmax, *([state.state2.absmax, state.offset] if double_quant else [])]
    measured = sum(tensor.numel() * tensor.element_size() for tensor in (packed, *scales))
    settings = FORMATS[quant_type].settings(blocksize=blocksize, double_quant=double_quant)
    assert site_bytes(*shape, settings) == measured


@pytest.mark.parametrize("blocksize", [16, 8192])
def test_other_blocksizes_are_refused_by_bitsandbytes_too(blocksize: int) -> None:
    import torch
    from bitsandbytes.functional import quantize_4bit

    assert blocksize not in BLOCKSIZES
    with pytest.raises(ValueError, match="blocksize"):
        quantize_4bit(torch.ones(256, 64), blocksize=blocksize)


@pytest.mark.parametrize(
    ("name", "given", "bits"),
    [
        ("nf4", {}, 8 * 0.5159),
        ("nf4", {"double_quant": False}, 8 * 0.5625),
        ("int4", {}, 8 * 0.625),
        ("int4", {"blocksize": 32}, 6),
        ("fp4", {"blocksize": 4096, "double_quant": False}, 4 + 32 / 4096),
        ("bf16", {}, 16),
        ("fp32", {}, 32),
    ],
)
def test_bits_per_weight(name: str, given: dict[str, int | bool], bits: float) -> None:
    assert bits_per_weight(base_format(name).settings(**given)) == pytest.approx(bits, abs=4e-4)


def test_what_is_not_available_lists_what_is() -> None:
    with pytest.raises(InvalidError, match="base format 'int6' is not available in this version") as error:
        base_format("int6")
    assert "did you mean 'int" in error.value.hint
    with pytest.raises(InvalidError, match="method 'bolora' is not available in this version") as error:
        method_entry("bolora")
    assert "lora" in error.value.hint


def test_entries_take_only_known_keys() -> None:
    assert all(set(method.parameters) <= set(ADAPTER_KEYS) for method in CATALOGUE.values())
    assert all(set(entry.parameters) <= set(BASE_KEYS) for entry in FORMATS.values())
    assert all(method.name == name for name, method in CATALOGUE.items())
