"""Arms against the baseline: pairing, correction, ranks, sensitivity."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.unit.study.support import by_seed, outcomes
from workbench.study.arm_effects import Standing, arm_effects, ranked
from workbench.study.outcomes import ArmOutcome

BASE = [1.0, 1.2, 0.9, 1.1]
WORSE = [1.5, 1.72, 1.41, 1.6]
NEAR = [1.1, 1.0, 1.0, 1.2]
BETTER = [0.5, 0.71, 0.4, 0.62]


def test_differences_are_paired_by_seed_and_corrected_over_the_arms() -> None:
    _, worse, near, better = arm_effects(outcomes(BASE, {"worse": WORSE, "near": NEAR, "better": BETTER}))
    expected = stats.ttest_rel(WORSE, BASE)
    assert worse.delta is not None
    assert worse.delta.p == pytest.approx(expected.pvalue, rel=1e-6)
    assert worse.correlation == pytest.approx(stats.pearsonr(WORSE, BASE).statistic)
    assert worse.p_holm is not None
    assert worse.p_holm > worse.delta.p
    assert [e.standing for e in (worse, near, better)] == [Standing.WORSE, Standing.NOT_SEPARATED, Standing.BETTER]


def test_the_direction_of_the_metric_decides_which_arm_is_better() -> None:
    _, worse, _, better = arm_effects(outcomes(BASE, {"a": WORSE, "b": NEAR, "c": BETTER}, higher_is_better=True))
    assert (worse.standing, better.standing) == (Standing.BETTER, Standing.WORSE)


def test_arms_are_ranked_in_three_tiers() -> None:
    found = arm_effects(outcomes(BASE, {"worse": WORSE, "near": NEAR, "better": BETTER}))
    names = [(rank, effect.outcome.arm) for rank, effect in ranked(found, higher_is_better=False)]
    assert names == [(1, "better"), (2, "baseline"), (2, "near"), (4, "worse")]


def test_fewer_than_three_pairs_are_labelled_and_never_ranked() -> None:
    study = outcomes(BASE[:2], {"worse": [9.0, 9.1]})
    _, worse = arm_effects(study)
    assert worse.standing is Standing.FEW_SEEDS
    assert worse.p_holm is None
    assert [effect.outcome.arm for _, effect in ranked([worse], higher_is_better=False)] == []


def test_a_missing_cell_leaves_the_seeds_that_are_there() -> None:
    study = outcomes(BASE, {"cut": WORSE})
    base, cut = study.arms
    gone = replace(cut, values={seed: v for seed, v in cut.values.items() if seed != 2}, missing=(2,))
    _, effect = arm_effects(replace(study, arms=(base, gone)))
    assert effect.delta is not None
    assert (effect.n, effect.delta.n, effect.outcome.missing) == (3, 3, (2,))
    assert effect.delta.mean == pytest.approx(sum(WORSE[i] - BASE[i] for i in (0, 2, 3)) / 3)


def test_an_arm_without_a_common_seed_has_no_difference() -> None:
    study = outcomes(BASE, {})
    stranger = ArmOutcome("late", {9: 1.0})
    _, effect = arm_effects(replace(study, arms=(*study.arms, stranger)))
    assert effect.delta is None
    assert effect.standing is Standing.NO_PAIRS


def test_references_are_shown_and_not_compared() -> None:
    study = outcomes(BASE, {"cut": WORSE})
    reference = ArmOutcome("reference", {0: 3.0}, reference=True)
    found = arm_effects(replace(study, arms=(*study.arms, reference)))
    assert found[-1].standing is Standing.REFERENCE
    assert found[-1].delta is None
    assert found[1].p_holm == arm_effects(study)[1].p_holm


def test_sensitivity_is_the_change_for_the_worse_per_million_removed() -> None:
    params = {"baseline": 1_000_000, "cut": 750_000, "more": 2_000_000}
    _, cut, more = arm_effects(outcomes(BASE, {"cut": WORSE, "more": WORSE}, params=params))
    assert cut.sensitivity is not None
    assert cut.delta is not None
    assert cut.sensitivity.mean == pytest.approx(cut.delta.mean * 4)
    assert more.sensitivity is None
    _, turned = arm_effects(outcomes(BASE, {"cut": WORSE}, params=params, higher_is_better=True))
    assert turned.sensitivity is not None
    assert turned.sensitivity.mean == pytest.approx(-cut.sensitivity.mean)


values = st.lists(st.floats(-10, 10).map(lambda x: round(x, 3)), min_size=4, max_size=4)


@given(values, values, st.permutations(range(4)), st.floats(-5, 5).map(lambda x: round(x, 2)))
def test_neither_the_order_of_seeds_nor_a_common_shift_changes_anything(
    base: list[float], arm: list[float], order: list[int], shift: float
) -> None:
    _, plain = arm_effects(outcomes(base, {"a": arm}))
    moved = outcomes([base[i] + shift for i in order], {"a": [arm[i] + shift for i in order]})
    _, other = arm_effects(moved)
    assert plain.delta is not None
    assert other.delta is not None
    assert other.delta.mean == pytest.approx(plain.delta.mean, abs=1e-9)
    assert other.delta.sd == pytest.approx(plain.delta.sd, abs=1e-9)


def test_seeds_need_not_be_the_same_numbers_in_all_arms() -> None:
    study = outcomes(BASE, {})
    other = ArmOutcome("a", {seed + 1: value for seed, value in by_seed(BASE).items()})
    _, effect = arm_effects(replace(study, arms=(*study.arms, other)))
    assert effect.delta is not None
    assert effect.delta.n == 3
