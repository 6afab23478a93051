"""What is set at a site: how its frozen weight is stored and how it is adapted."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BaseSettings:
    """Storage of a frozen weight. `blocksize` and `double_quant` are None for formats without blocks."""

    format: str
    blocksize: int | None = None
    double_quant: bool | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """How a site is adapted. `alpha` is resolved to a number here, whatever the plan file said."""

    method: str
    r: int
    alpha: float
    dropout: float = 0.0
    init: str = "default"
    balance: int = 1
    pool: int = 1
