"""Intervals over evaluation examples."""

import numpy as np
import pytest

from workbench.study.bootstrap import example_interval, resampled_means


def _answers(rows: list[list[int]]) -> dict[int, dict[int, bool]]:
    return {seed: dict(enumerate(map(bool, row))) for seed, row in enumerate(rows)}


def test_the_mean_is_over_examples_and_common_seeds() -> None:
    arm, base = _answers([[1, 0, 1, 1], [1, 1, 0, 1], [0, 0, 0, 0]]), _answers([[0, 0, 1, 1], [1, 0, 0, 1]])
    found = example_interval(arm, base, np.random.default_rng(0))
    assert found is not None
    assert (found.examples, found.seeds) == (4, 2)
    assert found.delta == pytest.approx((0.5 + 0.5 + 0 + 0) / 4)
    assert found.low <= found.delta <= found.high


def test_sides_without_a_common_seed_or_example_have_none() -> None:
    one = _answers([[1, 0]])
    assert example_interval(one, {5: {0: True}}, np.random.default_rng(0)) is None
    assert example_interval(one, {0: {7: True}}, np.random.default_rng(0)) is None


def test_equal_answers_give_a_zero_without_width() -> None:
    one = _answers([[1, 0, 1]])
    found = example_interval(one, one, np.random.default_rng(0))
    assert found is not None
    assert (found.delta, found.low, found.high) == (0, 0, 0)


def test_resampled_means_have_the_spread_of_the_mean() -> None:
    values = np.random.default_rng(1).choice([-1.0, 0.0, 1.0], size=400, p=[0.2, 0.5, 0.3])
    means = resampled_means(values, np.random.default_rng(2))
    assert len(means) == 10_000
    assert means.mean() == pytest.approx(values.mean(), abs=0.002)
    assert means.std() == pytest.approx(values.std() / 20, rel=0.05)


def test_the_same_generator_gives_the_same_interval() -> None:
    arm, base = _answers([[1, 0, 1, 1, 0]]), _answers([[0, 0, 1, 0, 1]])
    first, second = (example_interval(arm, base, np.random.default_rng(3)) for _ in range(2))
    assert first == second
