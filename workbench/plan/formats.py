"""The base formats: how the frozen weight of a site is stored. A new format is a new entry."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from workbench.errors import InvalidError
from workbench.nearest import nearest
from workbench.plan.settings import BaseSettings

BLOCKSIZES = (32, 64, 128, 256, 512, 1024, 2048, 4096)  # what bitsandbytes has kernels for
_NESTED_BLOCKSIZE = 256  # blocks of bitsandbytes' second quantization, over the blocks' scales


@dataclass(frozen=True, slots=True)
class Format:
    """One base format. `parameters` are the base keys that it takes, with their defaults.

    `stored_bytes(out_features, in_features, settings)` is the exact size of one site. `zero_points` tells whether every
    group of inputs has a floating zero point, which a change that is constant in the group moves without any loss;
    such groups have to end where rows end.
    """

    name: str
    meaning: str
    parameters: dict[str, int | bool | float]
    stored_bytes: Callable[[int, int, BaseSettings], int]
    quantized: bool
    zero_points: bool = False

    def problem(self, base: BaseSettings, in_features: int) -> tuple[str, str] | None:
        """What does not fit a layer, and what would; None where all does."""
        if not self.zero_points or not base.blocksize or in_features % base.blocksize == 0:
            return None
        fitting = [str(size) for size in BLOCKSIZES if in_features % size == 0]
        message = f"{self.name} blocksize {base.blocksize} does not divide in_features {in_features}"
        return message, f"these do: {', '.join(fitting)}" if fitting else "no block size divides it: use nf4 there"

    def settings(self, **given: int | bool | float | None) -> BaseSettings:
        """The settings of a site in this format: its defaults, and over them what is given."""
        merged = {**self.parameters, **{key: value for key, value in given.items() if value is not None}}
        return BaseSettings(format=self.name, **merged)  # type: ignore[arg-type]  # keys are checked by the resolver


def _four_bit_bytes(out_features: int, in_features: int, base: BaseSettings) -> int:
    """Two weights to a byte and one scale per block; the last block may be partial.

    A scale is 4 bytes, or with double quantization 1 byte, plus 4 per 256 blocks and 4 for their mean
    (Dettmers et al. 2023, QLoRA, section 3). The code tables (at most 272 floats a site) are left out.
    """
    weights = out_features * in_features
    blocks = ceil(weights / (base.blocksize or 64))
    scales = blocks + 4 * ceil(blocks / _NESTED_BLOCKSIZE) + 4 if base.double_quant else 4 * blocks
    return ceil(weights / 2) + scales


def _group_bytes(out_features: int, in_features: int, base: BaseSettings) -> int:
    """Two weights to a byte, and a scale and a zero point of 4 bytes each per group."""
    return out_features * in_features // 2 + 8 * out_features * in_features // (base.blocksize or 64)


_FOUR_BIT: dict[str, int | bool | float] = {"blocksize": 64, "double_quant": True}

FORMATS: dict[str, Format] = {
    f.name: f
    for f in (
        Format("nf4", "4-bit NormalFloat with one scale per block (bitsandbytes)", _FOUR_BIT, _four_bit_bytes, True),
        Format("fp4", "4-bit float with one scale per block (bitsandbytes)", _FOUR_BIT, _four_bit_bytes, True),
        Format(
            "int4",
            "4-bit integers with a scale and a zero point in 32 bits per group of inputs: W = scale·(q − zero)",
            {"blocksize": 64},
            _group_bytes,
            True,
            zero_points=True,
        ),
        Format(
            "int8",
            "8-bit integers with one scale per row (bitsandbytes LLM.int8); inputs above the threshold stay in 16 bits",
            {"threshold": 0.0},
            lambda rows, columns, _: rows * columns + 4 * rows,
            True,
        ),
        Format("bf16", "16-bit bfloat, not quantized", {}, lambda rows, columns, _: 2 * rows * columns, False),
        Format("fp32", "32-bit float, not quantized", {}, lambda rows, columns, _: 4 * rows * columns, False),
    )
}


def base_format(name: str) -> Format:
    """The entry of that name. Raises InvalidError with the formats that are available."""
    if name not in FORMATS:
        raise InvalidError(f"base format '{name}' is not available in this version", nearest(name, FORMATS))
    return FORMATS[name]


def site_bytes(out_features: int, in_features: int, base: BaseSettings) -> int:
    """Bytes that the weight of a site takes in memory."""
    return base_format(base.format).stored_bytes(out_features, in_features, base)


def bits_per_weight(base: BaseSettings) -> float:
    """Bits per weight of a large site: nf4 at block 64 has 4.127 with double quantization, 4.5 without."""
    side = _NESTED_BLOCKSIZE * BLOCKSIZES[-1]
    return round(8 * site_bytes(side, side, base) / side**2, 4)
