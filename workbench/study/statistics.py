"""Means, spreads and paired differences of a few seeds, with Student's t; right and wrong answers in pairs."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

Interval = tuple[float, float]


def mean_sd(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean and the sample standard deviation (n − 1); no deviation for a single value.

    Raises ValueError for no values.
    """
    if not values:
        raise ValueError("the mean of no values")
    return fmean(values), stdev(values) if len(values) > 1 else None


def paired_delta_interval(deltas: Sequence[float], level: float = 0.95) -> tuple[float, Interval | None]:
    """The mean of paired differences and its t interval at `level`; no interval for a single pair.

    Raises ValueError for no pairs.
    """
    mean, sd = mean_sd(deltas)
    if sd is None:
        return mean, None
    half = student_t_quantile((1 + level) / 2, len(deltas) - 1) * sd / math.sqrt(len(deltas))
    return mean, (mean - half, mean + half)


def mcnemar_exact(only_a: int, only_b: int) -> float:
    """The exact two-sided p of McNemar's test: twice the smaller binomial tail at ½, at most 1.

    `only_a` and `only_b` count the pairs in which just one side was right; pairs that agree say nothing. Where none
    differs, p is 1. McNemar, Psychometrika 12 (1947); the exact form is the sign test of the differing pairs. Raises
    ValueError for negative counts.
    """
    if min(only_a, only_b) < 0:
        raise ValueError(f"counts cannot be negative: {only_a}, {only_b}")
    n, smaller = only_a + only_b, min(only_a, only_b)
    term = tail = 1
    for k in range(smaller):  # each binomial coefficient from the one before: math.comb anew is slow for large n
        term = term * (n - k) // (k + 1)
        tail += term
    return min(1.0, 2 * tail / (1 << n))


def student_t_quantile(p: float, df: int) -> float:
    """The value that a t variable with `df` degrees of freedom stays below with probability `p`.

    Found by bisection of the exact distribution, to about 1e-12 of its size. Raises ValueError unless 0 < p < 1
    and df ≥ 1.
    """
    if not 0 < p < 1 or df < 1:
        raise ValueError(f"no t quantile for p={p}, df={df}")
    if p == 0.5:
        return 0.0
    if p < 0.5:
        return -student_t_quantile(1 - p, df)
    low, high = 0.0, 1.0
    while student_t_cdf(high, df) < p:
        low, high = high, high * 2
    while high - low > 1e-13 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if student_t_cdf(middle, df) < p else (low, middle)
    return (low + high) / 2


def student_t_cdf(t: float, df: int) -> float:
    """P(T ≤ t) for integer `df`, as a finite sum (Abramowitz and Stegun, 26.7.3 and 26.7.4)."""
    theta = math.atan2(t, math.sqrt(df))
    return 0.5 + _central_probability(theta, df) / 2


def _central_probability(theta: float, df: int) -> float:
    """P(|T| ≤ |t|), with the sign of t, where tan θ = t/√df."""
    sine, cosine = math.sin(theta), math.cos(theta)
    if df % 2 == 0:
        return sine * _cosine_series(cosine, range(1, df - 1, 2), 1.0)
    if df == 1:
        return 2 * theta / math.pi
    return 2 / math.pi * (theta + sine * _cosine_series(cosine, range(2, df - 1, 2), cosine))


def _cosine_series(cosine: float, steps: range, first: float) -> float:
    """The sum of terms, each cos²θ · k/(k + 1) times the one before, for the k in `steps`."""
    total = term = first
    for k in steps:
        term *= cosine * cosine * k / (k + 1)
        total += term
    return total
