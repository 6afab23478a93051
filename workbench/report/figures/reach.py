"""How far an axis goes: over all means, and over the intervals that do not make the others unreadable."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from workbench.report.figures.words import finite

_TYPICAL_WIDTHS = 4.0
_MARGIN = 0.06


@dataclass(frozen=True, slots=True)
class Reach:
    low: float
    high: float

    def cuts(self, low: float, high: float) -> bool:
        """Whether an interval goes on beyond it."""
        return low < self.low or high > self.high


def reach_of(
    points: Sequence[tuple[float | None, tuple[float, float] | None, bool]], also: Sequence[float] = (0.0,)
) -> Reach:
    """The limits for means, their intervals, and whether each counts: an interval that does not is not made room for.

    An interval is given room up to four times the median half width on either side of its mean. `also` lies within.
    """
    widths = [(high - low) / 2 for _, bounds, counts in points if bounds and counts for low, high in (bounds,)]
    room = _TYPICAL_WIDTHS * median(widths) if widths else 0.0
    ends = list(also)
    for mean, bounds, counts in points:
        if finite(mean) is None or mean is None:
            continue
        ends.append(mean)
        if bounds and counts:
            ends += [max(bounds[0], mean - room), min(bounds[1], mean + room)]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    margin = _MARGIN * (high - low) or abs(high) * _MARGIN or 1.0
    return Reach(low - margin, high + margin)
