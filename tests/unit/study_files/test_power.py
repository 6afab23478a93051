"""The power of a paired t test, against published values and against simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.study.power import detectable_difference, pooled_sd, t_test_power
from workbench.study.statistics import student_t_quantile


@pytest.mark.parametrize(
    ("effect", "pairs", "power"),
    [(0.5, 34, 0.8078), (0.8, 15, 0.8213), (0.2, 199, 0.8017), (1.0, 10, 0.8031)],
)
def test_power_is_that_of_published_tables(effect: float, pairs: int, power: float) -> None:
    assert t_test_power(effect * math.sqrt(pairs), pairs) == pytest.approx(power, abs=1e-3)


@pytest.mark.parametrize("pairs", [2, 3, 5, 10])
def test_the_detectable_difference_is_found_four_times_in_five(pairs: int) -> None:
    difference = detectable_difference(1.0, pairs)
    assert difference is not None
    drawn = np.random.default_rng(7).normal(difference, 1.0, (40_000, pairs))
    t = drawn.mean(1) / (drawn.std(1, ddof=1) / math.sqrt(pairs))
    found = np.mean(np.abs(t) > student_t_quantile(0.975, pairs - 1))
    assert found == pytest.approx(0.8, abs=0.01)


@given(pairs=st.integers(2, 40), sd=st.floats(1e-3, 1e3))
@settings(max_examples=12)
def test_more_seeds_show_smaller_differences_and_deviation_scales(pairs: int, sd: float) -> None:
    one, more = detectable_difference(sd, pairs), detectable_difference(sd, pairs + 1)
    unit = detectable_difference(1.0, pairs)
    assert one is not None
    assert more is not None
    assert unit is not None
    assert more < one
    assert one == pytest.approx(sd * unit)


def test_no_difference_is_shown_by_one_seed_or_without_power() -> None:
    assert detectable_difference(1.0, 1) is None
    with pytest.raises(ValueError, match="power"):
        detectable_difference(1.0, 3, 0.05, 0.01)


def test_no_effect_is_found_as_often_as_the_level_says() -> None:
    for pairs in (2, 3, 10, 50):
        assert t_test_power(0.0, pairs) == pytest.approx(0.05, abs=2e-4)


def test_deviations_are_pooled_over_groups_with_two_values_or_more() -> None:
    assert pooled_sd([[1.0, 3.0], [5.0], [], [2.0, 2.0, 2.0]]) == (pytest.approx(math.sqrt(2 / 3)), 3)
    assert pooled_sd([[1.0], []]) is None
