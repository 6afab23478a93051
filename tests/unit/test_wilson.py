import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.study.wilson import share_interval, wilson

# Newcombe, Statistics in Medicine 17 (1998), table I: the score method without continuity correction, at 95 %.
NEWCOMBE = [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]


@pytest.mark.parametrize(("right", "n", "low", "high"), NEWCOMBE)
def test_intervals_agree_with_the_published_ones(right: int, n: int, low: float, high: float) -> None:
    assert wilson(right, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 500), st.floats(0, 1), st.floats(0.5, 0.999))
def test_it_holds_the_share_within_its_bounds_and_mirrors(n: int, share: float, level: float) -> None:
    right = round(share * n)
    low, high = wilson(right, n, level)
    assert 0 <= low <= right / n <= high <= 1
    assert low < high
    assert wilson(n - right, n, level) == pytest.approx((1 - high, 1 - low), abs=1e-12)


@pytest.mark.parametrize(("right", "n", "level"), [(1, 0, 0.95), (-1, 4, 0.95), (5, 4, 0.95), (1, 4, 1.0)])
def test_what_is_no_share_is_refused(right: int, n: int, level: float) -> None:
    with pytest.raises(ValueError, match="no interval"):
        wilson(right, n, level)


def test_only_shares_of_examples_have_an_interval() -> None:
    for evaluator in (
        "exact_match",
        "choice_accuracy",
        "choice_accuracy_raw",
        "choice_accuracy/a@b",
        "exact_match@nf4",
    ):
        assert share_interval(evaluator, 0.3, 10) == wilson(3, 10)
    assert share_interval("loss", 0.3, 10) is None
    assert share_interval("token_accuracy", 0.3, 10) is None  # the tokens of an example are not independent
    assert share_interval("exact_match", None, 10) is None
    assert share_interval("exact_match", 0.3, None) is None
