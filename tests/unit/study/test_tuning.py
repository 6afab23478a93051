"""Arms at the best of several learning rates."""

from tests.unit.study.support import outcomes
from workbench.study.outcomes import Outcomes
from workbench.study.tuning import at_best_rate

RATES = ("*0.5", "*1", "*2")


def _study(higher_is_better: bool = False) -> Outcomes:
    arms = {
        "baseline,lr=*0.5": [1.5, 1.6, 1.4],
        "baseline,lr=*2": [0.8, 0.9, 0.7],
        "cut=4,lr=*0.5": [1.0, 1.1, 1.2],
        "cut=4,lr=*1": [0.9, 1.0, 0.9],
        "cut=4,lr=*2": [3.0, 3.0, 3.0],
    }
    levels = {arm: {"lr": arm.partition("lr=")[2]} for arm in arms}
    levels |= {arm: {"cut": "4", **levels[arm]} for arm in arms if arm.startswith("cut")}
    levels["baseline!rate"] = {"lr": "*1"}
    levels |= {
        f"baseline,lr={rate}!cut" if rate != "*1" else "baseline!cut": {"cut": "1", "lr": rate} for rate in RATES
    }
    return outcomes([1.0, 1.1, 0.9], arms, levels, higher_is_better=higher_is_better)


def test_every_arm_takes_its_best_rate_the_baseline_too() -> None:
    found = at_best_rate(_study())
    assert found is not None
    assert found.chosen == {"baseline": "*2", "cut=4": "*1"}
    assert found.at_border == ("baseline",)
    assert [arm.arm for arm in found.outcomes.arms] == ["baseline", "cut=4"]
    assert found.outcomes.arm("baseline").values == {1: 0.8, 2: 0.9, 3: 0.7}
    assert {(cell.levels.get("cut"), cell.arm) for cell in found.outcomes.cells} == {
        (None, "baseline"),
        ("1", "baseline"),
        ("4", "cut=4"),
    }


def test_the_direction_decides() -> None:
    found = at_best_rate(_study(higher_is_better=True))
    assert found is not None
    assert found.chosen == {"baseline": "*0.5", "cut=4": "*2"}


def test_a_study_without_rates_is_not_tuned() -> None:
    assert at_best_rate(outcomes([1.0, 2.0, 3.0], {"a": [1.0, 2.0, 3.0]})) is None


def test_a_baseline_that_was_not_tried_at_the_files_own_rate_is_tuned_all_the_same() -> None:
    arms = {f"{arm}lr={rate}": [1.0, 1.1] for arm in ("baseline,", "cut=4,") for rate in ("*0.5", "*2")}
    levels = {arm: {"lr": arm.partition("lr=")[2]} for arm in arms}
    levels |= {arm: {"cut": "4", **levels[arm]} for arm in arms if arm.startswith("cut")}
    found = at_best_rate(outcomes([0.1, 0.2], arms, levels))
    assert found is not None
    assert found.outcomes.arm("baseline").values == {1: 1.0, 2: 1.1}
    assert found.ran_as["baseline"] in arms


def test_nothing_is_tuned_where_the_baseline_has_only_other_recipes() -> None:
    arms = {f"{arm}steps=50,lr={rate}": [1.0, 1.1] for arm in ("baseline,", "cut=4,") for rate in ("*1", "*2")}
    levels = {arm: {"steps": "50", "lr": arm.partition("lr=")[2]} for arm in arms}
    assert at_best_rate(outcomes([0.1, 0.2], arms, levels)) is None


def test_arms_are_known_by_the_names_under_which_they_ran() -> None:
    found = at_best_rate(_study())
    assert found is not None
    assert found.ran_as == {"baseline": "baseline,lr=*2", "cut=4": "cut=4,lr=*1"}
