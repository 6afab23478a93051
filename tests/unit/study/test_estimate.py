"""Estimates against scipy, Holm against its definition, and what so many seeds can show."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from workbench.study.estimate import estimate, needed_seeds
from workbench.study.holm import holm

numbers = st.floats(-1e3, 1e3, allow_nan=False).map(lambda x: round(x, 6))
p_values = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(st.lists(numbers, min_size=2, max_size=12).filter(lambda xs: max(xs) - min(xs) > 1e-3))
def test_the_interval_and_p_are_those_of_the_t_test(differences: list[float]) -> None:
    found = estimate(differences)
    test = stats.ttest_1samp(differences, 0)
    interval = test.confidence_interval(0.95)
    assert found.p == pytest.approx(test.pvalue, rel=1e-6, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-6, abs=1e-9)


def test_one_seed_has_a_mean_and_nothing_else() -> None:
    found = estimate([0.25])
    assert (found.n, found.mean) == (1, 0.25)
    assert found.sd is found.low is found.high is found.p is found.detectable is None
    assert not found.is_enough


def test_seeds_that_do_not_differ_are_not_judged_unless_all_are_zero() -> None:
    assert estimate([0.5, 0.5, 0.5]).p is None
    assert estimate([0.0, 0.0, 0.0]).p == 1.0


def test_no_seeds_are_an_error() -> None:
    with pytest.raises(ValueError, match="no values"):
        estimate([])


def test_the_detectable_difference_has_a_power_of_80_percent() -> None:
    found = estimate([0.1, 0.2, 0.4, 0.3, 0.25])
    assert found.detectable is not None
    assert found.sd is not None
    noncentrality = found.detectable / (found.sd / math.sqrt(5))
    critical = stats.t.ppf(0.975, 4)
    power = stats.nct.sf(critical, 4, noncentrality) + stats.nct.cdf(-critical, 4, noncentrality)
    assert power == pytest.approx(0.8, abs=1e-4)


@pytest.mark.parametrize(("mean", "sd", "expected"), [(1.0, 1.0, 10), (0.5, 1.0, 34), (0.1, 1.0, 787)])
def test_needed_seeds_are_those_of_the_usual_tables(mean: float, sd: float, expected: int) -> None:
    """Cohen's tables of the paired t test at power 0.8."""
    shift = sd / math.sqrt(2)  # two values with this mean and deviation
    assert needed_seeds(estimate([mean - shift, mean + shift])) == expected


def test_no_number_of_seeds_is_named_where_there_is_nothing_to_go_by() -> None:
    assert needed_seeds(estimate([0.0, 0.0, 0.0])) is None
    assert needed_seeds(estimate([0.5])) is None
    assert needed_seeds(estimate([1.0, -1.0, 0.00001])) is None


def test_scaling_by_a_negative_factor_turns_the_interval() -> None:
    found = estimate([1.0, 2.0, 4.0])
    turned = found.scaled(-2)
    assert found.low is not None
    assert found.high is not None
    assert (turned.mean, turned.low, turned.high) == (-2 * found.mean, -2 * found.high, -2 * found.low)
    assert turned.p == found.p
    assert turned.detectable == 2 * (found.detectable or 0)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(p_values)
def test_holm_keeps_the_order_and_is_never_more_lenient(found: list[float]) -> None:
    adjusted = holm(found)
    assert all(before <= after <= 1 for before, after in zip(found, adjusted, strict=True))
    assert all(after <= min(1, len(found) * before) + 1e-12 for before, after in zip(found, adjusted, strict=True))
    in_order = [adjusted[i] for i in sorted(range(len(found)), key=found.__getitem__)]
    assert in_order == sorted(in_order)


def test_holm_takes_p_values_only() -> None:
    with pytest.raises(ValueError, match=r"1\.5"):
        holm([0.5, 1.5])


def test_seeds_that_differ_in_the_last_digits_alone_are_not_judged() -> None:
    found = estimate([0.3 - 0.2, 0.2 - 0.1, 0.7 - 0.6])
    assert found.sd == 0
    assert found.p is None
