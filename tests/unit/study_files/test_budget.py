"""Arms by budget: the closest plan is found, and what cannot be had is said."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.study_files.support import expansion_of, plans_of, study_of
from workbench.errors import InvalidError
from workbench.run.layout import Home
from workbench.study.budget import solve
from workbench.study.design import Budget
from workbench.study.expand import ExpansionError


@given(selector=st.sampled_from(["* attn", "* mlp", "* all", "lower all", "upper q,v"]), wanted=st.integers(0, 10**6))
def test_no_other_number_and_no_other_count_of_blocks_comes_closer(home: Home, selector: str, wanted: int) -> None:
    plans = plans_of(study_of(home, arms={"a": "* mlp r=4"}))
    budget = Budget("params", wanted, selector + " r={n}")
    try:
        solution = solve(plans, ("* all",), budget, wanted)
    except InvalidError:
        ends = [_params(plans, f"{selector} r={rank}") for rank in (1, 64)]
        assert not ends[0] <= wanted <= ends[1]
        return
    assert _params(plans, *solution.rules) == solution.got
    uniform = [_params(plans, f"{selector} r={rank}") for rank in range(1, 65)]
    step = min(abs(size - wanted) for size in uniform)
    assert abs(solution.got - wanted) <= step


def _params(plans: Any, *rules: str) -> int:
    return int(plans.plan("p", ("* all", *rules)).trainable_params)


def test_the_same_discount_from_either_type(home: Home) -> None:
    expansion = expansion_of(
        home, factors={"from": {"attention": "* attn", "mlp": "* mlp"}, "discount": [0.1, 0.3]}, template="{from} r={n}"
    )
    baseline = expansion.baseline.plan.trainable_params
    for arm in expansion.arms[1:5]:
        wanted = float(dict(arm.levels)["discount"])
        assert 1 - arm.plan.trainable_params / baseline == pytest.approx(wanted, abs=0.004)
        untouched = "attention" if dict(arm.levels)["from"] == "mlp" else "mlp"
        ranks = {p.adapter.r for p in arm.plan.sites if p.adapter and p.site.layer_type == untouched}
        assert ranks == {16}
        assert all(p.scaling == 2.0 for p in arm.plan.sites)


def test_methods_get_the_parameters_of_the_baseline_or_of_another_arm(home: Home) -> None:
    expansion = expansion_of(
        home,
        defaults={"r": 8},
        arms={
            "small": "* all r=2",
            "dora": {"solve": "* all method=dora r={n}", "params": "baseline"},
            "irqlora": {"solve": "* all method=irqlora r={n}", "params": "small"},
            "qahira": {"solve": "* all method=qahira balance=1 pool={n}", "params": 100_000},
        },
    )
    solutions = {arm.name: arm.solution for arm in expansion.arms if arm.solution}
    assert {name: (s.wanted, s.got) for name, s in solutions.items()} == {
        "dora": (116_736, 117_120),
        "irqlora": (29_184, 29_268),
        "qahira": (100_000, 98_304),
    }
    assert {p.adapter.r for p in expansion.arm("irqlora").plan.sites if p.adapter} == {2}


def test_raised_blocks_are_spread_over_depth(home: Home) -> None:
    plans = plans_of(study_of(home, arms={"a": "* mlp r=4"}))
    wanted = (_params(plans, "* mlp r=4") + _params(plans, "* mlp r=5")) // 2
    solution = solve(plans, ("* all",), Budget("params", wanted, "* mlp r={n}"), wanted)
    assert solution.rules == ("* mlp r=4", "1,3,5 mlp r=5")
    assert solution.deviation == 0


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ({"solve": "* attn r={n}", "discount": 0.6}, "with r=1 the plan still has"),
        ({"solve": "* attn r={n}", "params": 10**7}, "at most"),
        ({"solve": "* all method=blora balance={n}", "discount": 0.1}, "whatever balance is"),
        ({"solve": "* attn dropout={n}", "discount": 0.1}, "nothing can be solved"),
        ({"rules": "* q off", "solve": "* q base=nf4 r={n}", "discount": 0.9}, "cannot reach"),
        ({"solve": "* atn r={n}", "discount": 0.1}, "'atn' is no module"),
    ],
)
def test_an_impossible_budget_is_one_clear_error(home: Home, arm: dict[str, Any], said: str) -> None:
    with pytest.raises(ExpansionError) as caught:
        expansion_of(home, arms={"a": arm})
    [finding] = caught.value.findings
    assert finding.path == ("arms", "a")
    assert said in finding.message
    assert finding.hint
