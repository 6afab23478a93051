import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.study.statistics import mcnemar_exact, mean_sd, paired_delta_interval, student_t_cdf, student_t_quantile

# NIST/SEMATECH e-Handbook of Statistical Methods, table 1.3.6.7.2, upper critical values of Student's t.
TABLE = [
    (0.90, 1, 3.078),
    (0.95, 1, 6.314),
    (0.975, 1, 12.706),
    (0.99, 1, 31.821),
    (0.95, 2, 2.920),
    (0.975, 2, 4.303),
    (0.975, 3, 3.182),
    (0.975, 4, 2.776),
    (0.995, 4, 4.604),
    (0.975, 5, 2.571),
    (0.90, 9, 1.383),
    (0.975, 10, 2.228),
    (0.99, 15, 2.602),
    (0.975, 30, 2.042),
    (0.975, 60, 2.000),
    (0.975, 100, 1.984),
    (0.999, 100, 3.174),
]


@pytest.mark.parametrize(("p", "df", "published"), TABLE)
def test_quantiles_agree_with_the_published_table(p: float, df: int, published: float) -> None:
    assert round(student_t_quantile(p, df), 3) == published


@pytest.mark.parametrize("p", [0.51, 0.75, 0.95, 0.975, 0.9995])
def test_closed_forms_for_one_and_two_degrees_of_freedom(p: float) -> None:
    assert student_t_quantile(p, 1) == pytest.approx(math.tan(math.pi * (p - 0.5)), rel=1e-10)
    x = 2 * p - 1
    assert student_t_quantile(p, 2) == pytest.approx(x * math.sqrt(2 / (1 - x * x)), rel=1e-10)


@given(st.floats(0.001, 0.999), st.integers(1, 200))
def test_quantile_inverts_the_distribution_and_is_odd(p: float, df: int) -> None:
    t = student_t_quantile(p, df)
    assert student_t_cdf(t, df) == pytest.approx(p, abs=1e-11)
    assert student_t_quantile(1 - p, df) == pytest.approx(-t, abs=1e-6 * (1 + t * t))


def test_many_degrees_of_freedom_approach_the_normal_distribution() -> None:
    assert student_t_quantile(0.975, 100_000) == pytest.approx(1.959964, abs=1e-4)


@pytest.mark.parametrize(("p", "df"), [(0.0, 3), (1.0, 3), (0.5, 0), (-1.0, 3)])
def test_impossible_quantiles_are_refused(p: float, df: int) -> None:
    with pytest.raises(ValueError, match="no t quantile"):
        student_t_quantile(p, df)


def test_mean_and_sample_deviation() -> None:
    assert mean_sd([1.0, 2.0, 3.0]) == (2.0, 1.0)
    assert mean_sd([4.0]) == (4.0, None)
    with pytest.raises(ValueError, match="no values"):
        mean_sd([])


def test_paired_interval_by_hand() -> None:
    # mean 0.3, sd 0.1, standard error 0.1/√3 = 0.057735, t(0.975, 2) = 4.302653
    mean, interval = paired_delta_interval([0.2, 0.3, 0.4])
    assert mean == pytest.approx(0.3)
    assert interval == pytest.approx((0.051586, 0.548414), abs=1e-6)


def test_one_pair_has_a_delta_but_no_interval() -> None:
    assert paired_delta_interval([0.25]) == (0.25, None)


def test_equal_deltas_have_an_interval_of_no_width() -> None:
    assert paired_delta_interval([0.5, 0.5]) == (0.5, (0.5, 0.5))


def test_a_wider_level_gives_a_wider_interval() -> None:
    _, narrow = paired_delta_interval([0.1, 0.2, 0.4], level=0.8)
    _, wide = paired_delta_interval([0.1, 0.2, 0.4], level=0.99)
    assert narrow is not None
    assert wide is not None
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


# (only A, only B, two-sided exact p, to the digits published)
PUBLISHED_MCNEMAR = [
    (12, 2, 0.0129, 4),  # Armitage and Berry (1994), p. 127, two media for tubercle bacilli; StatsDirect's exact P
    (12, 5, 0.1435, 4),  # stat-tools.xyz, McNemar test, p (exact)
    (35, 28, 0.45, 2),  # Aoki, Gunma University, McNemar test with R: binom.test(c(35, 28))
]


@pytest.mark.parametrize(("only_a", "only_b", "published", "digits"), PUBLISHED_MCNEMAR)
def test_mcnemar_agrees_with_published_values(only_a: int, only_b: int, published: float, digits: int) -> None:
    assert round(mcnemar_exact(only_a, only_b), digits) == published


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_twice_the_smaller_binomial_tail_whichever_side_comes_first(only_a: int, only_b: int) -> None:
    n = only_a + only_b
    tail = Fraction(sum(math.comb(n, k) for k in range(min(only_a, only_b) + 1)), 2**n)
    p = mcnemar_exact(only_a, only_b)
    assert p == pytest.approx(float(min(Fraction(1), 2 * tail)), rel=1e-15)
    assert p == mcnemar_exact(only_b, only_a)
    assert 0 < p <= 1


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_more_lopsided_split_of_the_same_pairs_is_less_likely(only_a: int, only_b: int) -> None:
    low, high = sorted((only_a, only_b))
    if low:
        assert mcnemar_exact(low - 1, high + 1) < mcnemar_exact(low, high) or low == high
    assert mcnemar_exact(low, low) == 1.0


def test_mcnemar_at_its_ends() -> None:
    assert mcnemar_exact(0, 0) == 1.0
    assert mcnemar_exact(0, 10) == 2 / 1024
    assert mcnemar_exact(4000, 6000) < 1e-80
    with pytest.raises(ValueError, match="cannot be negative"):
        mcnemar_exact(-1, 3)
