"""What so many seeds can show: the smallest difference that a paired t test finds with given power."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from statistics import NormalDist, variance

from workbench.study.statistics import student_t_quantile

POWER, LEVEL = 0.8, 0.05
_NORMAL = NormalDist()
_STEPS = 400


def detectable_difference(sd: float, pairs: int, level: float = LEVEL, power: float = POWER) -> float | None:
    """The difference that a two-sided paired t test at `level` finds with probability `power`; None below two pairs.

    `sd` is that of the paired differences. Exact for normal differences: the noncentral t, by numerical integration
    over the estimated deviation. Raises ValueError unless 0 < level < power < 1.
    """
    if not 0 < level < power < 1:
        raise ValueError(f"no difference has a power of {power} at level {level}")
    if pairs < 2:
        return None
    return _noncentrality(pairs, level, power) * sd / math.sqrt(pairs)


@lru_cache
def _noncentrality(pairs: int, level: float, power: float) -> float:
    low, high = 0.0, 1.0
    while t_test_power(high, pairs, level) < power:
        low, high = high, high * 2
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if t_test_power(middle, pairs, level) < power else (low, middle)
    return high


def t_test_power(noncentrality: float, pairs: int, level: float = LEVEL) -> float:
    """The probability that |T| exceeds the critical value, T noncentral t with pairs − 1 degrees of freedom."""
    df = pairs - 1
    critical = student_t_quantile(1 - level / 2, df)

    def beyond(ratio: float) -> float:
        return _NORMAL.cdf(noncentrality - critical * ratio) + _NORMAL.cdf(-noncentrality - critical * ratio)

    return _mean_over_deviation(beyond, df)


def pooled_sd(groups: Iterable[Sequence[float]]) -> tuple[float, int] | None:
    """The standard deviation within groups of values, with its degrees of freedom; None without two in any group."""
    usable = [group for group in groups if len(group) > 1]
    df = sum(len(group) - 1 for group in usable)
    if not df:
        return None
    return math.sqrt(sum((len(group) - 1) * variance(group) for group in usable) / df), df


def _mean_over_deviation(value: Callable[[float], float], df: int) -> float:
    """The mean of value(s/σ), with s the deviation estimated with `df` degrees of freedom, by Simpson's rule."""
    spread = 1 / math.sqrt(2 * df)
    low, high = max(0.0, 1 - 9 * spread), 1 + 9 * spread
    width = (high - low) / _STEPS
    points = [low + width * number for number in range(_STEPS + 1)]
    weights = [1 if number in (0, _STEPS) else 4 if number % 2 else 2 for number in range(_STEPS + 1)]
    densities = [_density(ratio, df) for ratio in points]
    total = math.fsum(w * d for w, d in zip(weights, densities, strict=True))
    return math.fsum(w * d * value(x) for w, d, x in zip(weights, densities, points, strict=True) if d) / total


def _density(ratio: float, df: int) -> float:
    """Of s/σ, up to a constant: chi with `df` degrees of freedom over √df."""
    if df == 1:
        return math.exp(-(ratio**2) / 2)
    if ratio == 0.0:
        return 0.0
    peak = math.sqrt((df - 1) / df)
    return math.exp((df - 1) * math.log(ratio / peak) - df * (ratio**2 - peak**2) / 2)
