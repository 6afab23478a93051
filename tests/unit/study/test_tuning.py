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
