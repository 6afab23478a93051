"""Text in figures: names from people's files in one short line, and numbers with as many digits as they need."""

import math
import textwrap
from collections.abc import Sequence

from workbench.report.numbers import ABSENT
from workbench.report.plain import shorten, visible


def label(text: str, cells: int = 44) -> str:
    """The text in one line of at most that many cells, shortened in the middle; never empty."""
    return shorten(text, cells).strip() or ABSENT


def heading(text: str, characters: int) -> str:
    """A title in as many lines of at most so many characters as it needs."""
    return "\n".join(textwrap.wrap(visible(text), characters))


def several(number: int, noun: str) -> str:
    """`1 arm`, `2 arms`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def typeset(number: str) -> str:
    """The number with the minus sign that axes have."""
    return number.replace("-", "−")


def digits_for(values: Sequence[float | None]) -> int:
    """How many decimals show the largest of the values with three digits, or more; 0 to 6."""
    largest = max((abs(found) for value in values if (found := finite(value)) is not None), default=0.0)
    return 3 if largest == 0 else min(6, max(0, 2 - math.floor(math.log10(largest))))


def plain_number(value: float, *_: object) -> str:
    """A tick of a logarithmic axis: `0.001`, `250`. Further arguments are the position that matplotlib passes."""
    return f"{value:g}"


def finite(value: float | None) -> float | None:
    """The value, or None where there is none that could be drawn."""
    return value if value is not None and math.isfinite(value) else None
