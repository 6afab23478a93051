"""Right and wrong answers, example by example: how far a difference would move with other examples."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
_BLOCK = 1_000  # resamples drawn at once


@dataclass(frozen=True, slots=True)
class ExampleInterval:
    """The mean over examples and seeds of right in the arm less right in the baseline, with a 95 % interval.

    It is about other examples of the same kind, for the runs as they are; other seeds are not in it.
    """

    examples: int
    seeds: int
    delta: float
    low: float
    high: float


Answers = Mapping[int, Mapping[int, bool]]  # seed -> example -> right or wrong


def example_interval(arm: Answers, baseline: Answers, generator: np.random.Generator) -> ExampleInterval | None:
    """The percentile interval over resampled examples; None where the sides share no seed or no example.

    An example is drawn with all its answers, of both sides and of all seeds, which keeps what they have in common.
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """
    leads = _leads(arm, baseline)
    if not len(leads):
        return None
    low, high = np.quantile(resampled_means(leads, generator), (0.025, 0.975))
    seeds = len(arm.keys() & baseline.keys())
    return ExampleInterval(len(leads), seeds, float(leads.mean()), float(low), float(high))


def resampled_means(
    values: NDArray[np.float64], generator: np.random.Generator, resamples: int = RESAMPLES
) -> NDArray[np.float64]:
    """Means of as many values drawn with replacement, `resamples` times.

    Differences of right and wrong take few values: how often each is drawn is one multinomial draw per resample.
    """
    distinct, counts = np.unique(values, return_counts=True)
    shares = counts / len(values)
    blocks = [min(_BLOCK, resamples - start) for start in range(0, resamples, _BLOCK)]
    drawn = [generator.multinomial(len(values), shares, size) @ distinct / len(values) for size in blocks]
    return np.concatenate(drawn)


def _leads(arm: Answers, baseline: Answers) -> NDArray[np.float64]:
    """Per example that all common seeds of both sides answered: the mean over seeds of arm less baseline."""
    seeds = sorted(arm.keys() & baseline.keys())
    if not seeds:
        return np.empty(0)
    examples = sorted(set.intersection(*(set(side[seed]) for side in (arm, baseline) for seed in seeds)))
    right = [
        np.array([[side[seed][example] for example in examples] for seed in seeds], float) for side in (arm, baseline)
    ]
    return np.asarray((right[0] - right[1]).mean(axis=0), np.float64)
