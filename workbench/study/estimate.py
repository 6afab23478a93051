"""A mean of paired differences: its t interval, its p, and what so many pairs could have shown."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from scipy.special import stdtr

from workbench.study.power import LEVEL, POWER, detectable_difference, t_test_power
from workbench.study.statistics import mean_sd, student_t_quantile

CONFIDENCE = 0.95
MOST_SEEDS = 1000
FEWEST_SEEDS = 3
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over `n` seeds. `low` and `high` bound its 95 % t interval; all but the mean need two seeds.

    `p` is that of the two-sided one-sample t test against 0; None where the seeds do not differ, unless all are 0: then
    there is no spread to judge a mean by. `detectable` is the mean that so many seeds show with a power of 80 %.
    """

    n: int
    mean: float
    sd: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    detectable: float | None = None

    @property
    def is_enough(self) -> bool:
        """Whether there are seeds enough to rank by: fewer than three are shown, never judged."""
        return self.n >= FEWEST_SEEDS

    def scaled(self, factor: float) -> "Estimate":
        """The estimate of the mean times a fixed factor; p stays."""
        low, high = (None if bound is None else bound * factor for bound in (self.low, self.high))
        if low is not None and high is not None and factor < 0:
            low, high = high, low
        sd, detectable = (None if size is None else size * abs(factor) for size in (self.sd, self.detectable))
        return Estimate(self.n, self.mean * factor, sd, low, high, self.p, detectable)


def estimate(differences: Sequence[float]) -> Estimate:
    """Raises ValueError for no differences."""
    mean, sd = mean_sd(differences)
    n = len(differences)
    if sd is None:
        return Estimate(n, mean)
    if sd <= _ROUNDING * abs(mean):
        sd = 0.0  # equal but for the last digits: a test would take these for a spread, and find anything
    half = _t(n) * sd / math.sqrt(n)
    return Estimate(n, mean, sd, mean - half, mean + half, _p(mean, sd, n), detectable_difference(sd, n))


def needed_seeds(found: Estimate, questions: int = 1) -> int | None:
    """How many seeds would show a mean as large as this one with a power of 80 %, if its deviation is the true one.

    Of several `questions` it is the first to be separated under Holm's correction, which needs most. None where there
    is no deviation or no mean to go by, or where more than a thousand would be needed.
    """
    if not found.sd or not found.mean:
        return None
    ratio = abs(found.mean) / found.sd
    level = LEVEL / questions
    few, many = 1, 2  # `few` are too few
    while not _shows(ratio, many, level):
        if many >= MOST_SEEDS:
            return None
        few, many = many, min(2 * many, MOST_SEEDS)
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if _shows(ratio, middle, level) else (middle, many)
    return many


def _shows(ratio: float, seeds: int, level: float) -> bool:
    return t_test_power(ratio * math.sqrt(seeds), seeds, level) >= POWER


def _p(mean: float, sd: float, n: int) -> float | None:
    if sd == 0:
        return None if mean else 1.0
    return float(2 * stdtr(n - 1, -abs(mean) / (sd / math.sqrt(n))))


@lru_cache
def _t(n: int) -> float:
    return student_t_quantile((1 + CONFIDENCE) / 2, n - 1)
