"""Expansion: deterministic, to the identifiers that runs have, with doubles merged."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.study_files.support import GROUNDS, expanded, expansion_of, plans_of, study_of
from workbench.data.load import DataSet
from workbench.plan.plan import Plan
from workbench.run.identity import make_record
from workbench.run.layout import Home
from workbench.study.arm_plans import RulesError
from workbench.study.expand import ExpansionError
from workbench.study.members import design_of

DATA = DataSet((), (), "auto", GROUNDS.data_hash, {})
RULES = st.lists(
    st.builds(
        "{} {} {}".format,
        st.sampled_from(["*", "lower", "upper", "0", "2-4", "-2", "%2"]),
        st.sampled_from(["all", "attn", "mlp", "q,v", "down"]),
        st.sampled_from(
            ["", "r=4", "r/=2", "off", "base=int8", "method=dora", "method=blora balance=4", "dropout=0.1"]
        ),
    ),
    max_size=3,
)


def record_id(home: Home, plan: Plan, recipe: Any, seed: int) -> str:
    return make_record(plan, "demo", recipe, DATA, GROUNDS.model_fingerprint, seed, {}).run_id


@given(rules=RULES)
@settings(max_examples=40)
def test_fast_plans_are_those_of_plan_files(home: Home, rules: list[str]) -> None:
    plans = plans_of(study_of(home, arms={"a": "* mlp r=4"}))
    all_rules = ("* all", *rules)
    checked = plans.check("arm", all_rules)
    if checked.plan is None:
        with pytest.raises(RulesError):
            plans.plan("arm", all_rules)
        return
    plan = plans.plan("arm", all_rules)
    assert plan.sites == checked.plan.sites
    assert plan.hash == checked.plan.hash
    assert plan.file["rules"] == list(all_rules)


@given(
    cuts=st.lists(st.sampled_from([1, 2, 4, 8, 16]), min_size=1, unique=True),
    types=st.lists(st.sampled_from(["attn", "mlp", "all"]), min_size=1, unique=True),
    rates=st.lists(st.sampled_from(["*0.5", "*1", "*2", 0.001]), min_size=1, unique=True),
    seeds=st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True),
)
@settings(max_examples=25)
def test_arms_are_the_product_of_levels_and_runs_that_of_arms_and_seeds(
    home: Home, cuts: list[int], types: list[str], rates: list[Any], seeds: list[int]
) -> None:
    values = {"factors": {"cut": cuts, "type": types, "lr": rates}, "template": "* {type} r/={cut}", "seeds": seeds}
    expansion = expansion_of(home, references=False, **values)
    names = [arm.name for arm in expansion.arms]
    crossed = len(cuts) * len(types) * len(rates)
    assert len(names) + len(expansion.merged) == 1 + len(rates) + crossed
    assert len(set(names)) == len(names)
    assert not set(names) & set(expansion.merged)
    assert set(expansion.merged.values()) <= set(names)
    assert [(m.arm, m.seed) for m in expansion.members] == list(product(names, seeds))
    assert len({m.run_id for m in expansion.members}) == len(expansion.members)
    assert expansion == expansion_of(home, references=False, **values)
    for arm in expansion.arms[1:]:
        levels = dict(arm.levels)
        assert levels["lr"] in [str(rate) for rate in rates]
        assert arm.name.endswith(f"lr={levels['lr']}")


@given(more=st.lists(st.integers(10, 99), min_size=1, max_size=3, unique=True))
@settings(max_examples=10)
def test_a_level_or_a_seed_more_only_adds(home: Home, more: list[int]) -> None:
    few = expansion_of(home, factors={"cut": [2]}, template="* mlp r/={cut}", seeds=[1])
    many = expansion_of(home, factors={"cut": [2, 4]}, template="* mlp r/={cut}", seeds=[1, *more])
    assert set(few.members) < set(many.members)
    assert design_of(few, GROUNDS) == design_of(many, GROUNDS)


def test_run_ids_are_those_of_the_runs_that_are_made(home: Home) -> None:
    expansion = expansion_of(
        home,
        factors={"cut": [1, 4], "lr": ["*1", "*2"], "optimizer": ["adamw", "adamw_8bit"]},
        template=["* mlp r/={cut}", "0 q dropout=0.1"],
    )
    arms = {arm.name: arm for arm in expansion.arms}
    for member in expansion.members:
        arm = arms[member.arm]
        assert member.run_id == record_id(home, arm.plan, arm.recipe, member.seed)
    assert {arm.recipe.optimizer for arm in expansion.arms} == {"adamw", "adamw_8bit"}


def test_arms_with_the_same_settings_are_merged_with_the_first(home: Home) -> None:
    expansion = expansion_of(
        home, factors={"cut": [1, 2], "type": ["mlp", "gate,up,down"]}, template="* {type} r/={cut}"
    )
    assert expansion.merged == {
        "cut=1,type=mlp": "baseline",
        "cut=1,type=gate,up,down": "baseline",
        "cut=2,type=gate,up,down": "cut=2,type=mlp",
    }
    assert [arm.name for arm in expansion.arms] == ["baseline", "cut=2,type=mlp", "reference", "reference-bf16"]


def test_the_reference_has_one_run_whatever_the_seeds(home: Home) -> None:
    expansion = expansion_of(home, arms={"a": "* mlp r=4"}, base="int8")
    references = [member for member in expansion.members if member.arm.startswith("reference")]
    assert [(member.arm, member.seed) for member in references] == [("reference", 0), ("reference-bf16", 0)]
    assert {p.base.format for p in expansion.arm("reference").plan.sites} == {"int8"}
    assert {p.base.format for p in expansion.arm("reference-bf16").plan.sites} == {"bf16"}


def test_relative_levels_multiply_what_stands_before(home: Home) -> None:
    expansion = expansion_of(
        home, set={"lr": "*2", "steps": "/2"}, factors={"lr": ["*0.5", "/4", 0.1]}, arms={"a": {"set": {"steps": "*3"}}}
    )
    rates = {arm.name: (arm.recipe.lr, arm.recipe.steps) for arm in expansion.arms if arm.name.startswith("a")}
    assert rates == {"a,lr=*0.5": (0.003, 150), "a,lr=/4": (0.0015, 150), "a,lr=0.1": (0.1, 150)}
    assert expansion.baseline.recipe.lr == 0.006


def test_named_levels_stand_in_tables_by_their_names(home: Home) -> None:
    expansion = expansion_of(
        home, factors={"where": {"early": "lower attn", "late": "upper all"}}, template="{where} r/=2"
    )
    assert [arm.levels for arm in expansion.arms[1:3]] == [(("where", "early"),), (("where", "late"),)]
    assert expansion.arms[1].rules == ("* all", "lower attn r/=2")


def test_problems_of_arms_are_told_once_each_with_how_many_have_them(home: Home) -> None:
    with pytest.raises(ExpansionError) as caught:
        expansion_of(
            home,
            factors={"cut": [2, 4], "what": ["mlp", "attm"], "lr": ["*1", "high"]},
            template="* {what} r/={cut}",
        )
    found = {finding.path: finding.message for finding in caught.value.findings}
    assert found[("factors", "lr")].startswith("lr is 'high'")
    assert "'attm' is no module (and so in 3 more arms)" in found[("template",)]


def test_ten_thousand_runs_resolve_each_shape_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.study import arm_plans

    study = study_of(
        home,
        factors={"block": [str(n) for n in range(6)], "module": ["q", "k", "v", "up"], "rank": [*range(1, 41)]},
        template="{block} {module} r={rank}",
        seeds=[*range(10)],
        references=False,
    )
    calls, real = [], arm_plans.resolve

    def counted(*arguments: Any) -> Any:
        calls.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(arm_plans, "resolve", counted)
    expansion = expanded(study)
    assert len(expansion.members) == 10 * (1 + 6 * 4 * 40 - 24)  # rank 16 is the baseline's
    assert len({id(arm.recipe) for arm in expansion.arms}) == 1
    assert len(calls) <= 4 * 41  # shapes × what rules set, not arms × sites


def test_seeds_and_factors_keep_the_order_of_the_file(home: Home) -> None:
    expansion = expansion_of(home, seeds=[7, 1, 3], factors={"b": [2, 4], "a": ["mlp", "q"]}, template="* {a} r/={b}")
    assert [m.seed for m in expansion.members[:3]] == [7, 1, 3]
    names = [arm.name for arm in expansion.arms[1:5]]
    assert names == ["b=2,a=mlp", "b=2,a=q", "b=4,a=mlp", "b=4,a=q"]
