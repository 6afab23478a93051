"""A line of numbers in one line of text: where it began, its course, and where it ended."""

from collections.abc import Sequence
from itertools import pairwise

from tui.widgets.chart import number

BARS = "▁▂▃▄▅▆▇█"
_LEAST = 8


def spark(values: Sequence[float], width: int, bars: str = BARS) -> str:
    """At most `width` cells; each bar is the mean of its stretch of the values. "" where there are no values."""
    if not values:
        return ""
    first, last = number(values[0]), number(values[-1])
    room = width - len(first) - len(last) - 2
    if room < _LEAST:
        return f"{first} → {last}"[:width]
    means = _means(values, room)
    low, high = min(means), max(means)
    top = len(bars) - 1
    heights = [round((mean - low) / (high - low) * top) if high > low else top // 2 for mean in means]
    return f"{first} {''.join(bars[height] for height in heights)} {last}"


def _means(values: Sequence[float], most: int) -> list[float]:
    stretches = min(most, len(values))
    edges = [round(i * len(values) / stretches) for i in range(stretches + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
