"""Levels of factors: how one is written, named, and meant where it is relative to the recipe."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.plan.keys import format_value

_RELATIVE = re.compile(r"([*/])\s*(\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)")
_NEARLY = 1e-9


@dataclass(frozen=True, slots=True)
class Level:
    """A level: what it is called in tables, and the value that it stands for."""

    name: str
    value: bool | int | float | str


def read_levels(written: Sequence[Any] | Mapping[str, Any]) -> tuple[Level, ...]:
    """The levels of a factor, in the order of the file; a list names each by its value."""
    if isinstance(written, Mapping):
        return tuple(Level(str(name), value) for name, value in written.items())
    return tuple(Level(level_text(value), value) for value in written)


def level_text(value: bool | int | float | str) -> str:
    """The value as a rule writes it."""
    return format_value(value)


def relative(value: Any) -> float | None:
    """The factor that a level such as `*2` or `/2` stands for; None for any other value."""
    if isinstance(value, str) and (match := _RELATIVE.fullmatch(value.strip())):
        number = float(match[2])
        return (1 / number if number else None) if match[1] == "/" else number
    return None


def scaled(value: int | float, factor: float) -> int | float:
    """The value times the factor; a whole number stays one where that is exact."""
    product = value * factor
    if isinstance(value, int) and abs(product - round(product)) < _NEARLY:
        return round(product)
    return product
