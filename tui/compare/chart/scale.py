"""From numbers to places on a line of characters."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """`low` is the middle of the first character, `high` that of the last one."""

    low: float
    high: float
    length: int

    def place(self, value: float) -> int:
        if self.high <= self.low:
            return (self.length - 1) // 2
        share = (value - self.low) / (self.high - self.low)
        return round(min(1.0, max(0.0, share)) * (self.length - 1))

    @property
    def has_zero(self) -> bool:
        return self.low <= 0 <= self.high


def scale_of(values: Iterable[float | None], length: int) -> Scale:
    """A scale that holds all values that there are."""
    found = [value for value in values if value is not None]
    return Scale(min(found, default=0.0), max(found, default=0.0), max(1, length))
