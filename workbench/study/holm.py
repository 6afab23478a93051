"""Holm's correction: several questions asked of the same runs."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values, adjusted so that the chance of any false finding among them stays below the level.

    Sorted upwards, the k-th of m is multiplied by m − k + 1, never falls below the one before it, and is at most 1.
    Needs no independence. Holm, Scandinavian Journal of Statistics 6 (1979). Raises ValueError for a p outside 0 to 1.
    """
    if any(not 0 <= p <= 1 for p in p_values):
        raise ValueError(f"no p values: {[p for p in p_values if not 0 <= p <= 1]}")
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, least = [0.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = least
    return adjusted
