from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plan.support import check_rules, make_plan, write_llama
from workbench.plan.choice import PlacedRule
from workbench.plan.keys import Multiple, Value
from workbench.plan.model_map import ModelMap
from workbench.plan.plan import Plan
from workbench.plan.resolve import Resolution, resolve
from workbench.plan.selector import built_in_groups, parse_rule, select
from workbench.run.layout import Home

Q0 = "model.layers.0.self_attn.q_proj"
UP0 = "model.layers.0.mlp.up_proj"
SELECTORS = ("* all", "0 all", "* mlp", "* q", "upper attn", "%2 k,down")
VALUES = {"r": "1 2 4 8", "alpha": "r 2r 4 8", "dropout": "0 0.1 0.2 0.5", "init": "default gaussian"}
settings = st.lists(st.sampled_from(list(VALUES)), min_size=1, unique=True).flatmap(
    lambda keys: st.tuples(*(st.sampled_from([f"{key}={value}" for value in VALUES[key].split()]) for key in keys))
)
adapting = st.builds("{} {}".format, st.sampled_from(SELECTORS), settings.map(" ".join))
any_rules = st.lists(
    adapting | st.sampled_from([f"{s} off" for s in SELECTORS] + ["* mlp base=bf16", "* all", "0 all r*=2"]), max_size=5
)


def resolved(
    model_map: ModelMap, rules: list[str], given: dict[str, Value] | None = None, before: Resolution | None = None
) -> Resolution:
    parsed = [parse_rule(text) for text in rules]
    placed = [PlacedRule(i, rule, select(rule, model_map, {})) for i, rule in enumerate(parsed)]
    return resolve(model_map.sites, given or {}, placed, before)


@given(any_rules, adapting)
def test_the_last_rule_wins_key_by_key(llama_map: ModelMap, rules: list[str], last: str) -> None:
    before = {p.site: p.adapter for p in resolved(llama_map, rules).sites}
    rule = parse_rule(last)
    selected = set(select(rule, llama_map, {}))
    given_values = {a.key: a.value for a in rule.assignments}
    for planned in resolved(llama_map, [*rules, last]).sites:
        old = before[planned.site]
        if planned.site not in selected:
            assert planned.adapter == old
            continue
        assert planned.adapter is not None
        for key, value in given_values.items():
            expected = value.factor * planned.adapter.r if isinstance(value, Multiple) else value
            assert getattr(planned.adapter, key) == expected
        untouched = {"r", "dropout", "init"} - set(given_values)
        if old is not None:
            assert all(getattr(planned.adapter, key) == getattr(old, key) for key in untouched)


@given(st.lists(st.tuples(st.integers(0, 5), any_rules), min_size=1, max_size=4), st.sampled_from([{}, {"r": 8}]))
def test_an_edit_comes_to_what_the_edited_rules_come_to(
    llama_map: ModelMap, edits: list[tuple[int, list[str]]], given: dict[str, Value]
) -> None:
    """Each edit keeps so many of the rules, and adds others; sites that are set as before are the same objects."""
    rules: list[str] = []
    last = resolved(llama_map, rules, given)
    for kept, added in edits:
        rules = [*rules[:kept], *added]
        found, alone = resolved(llama_map, rules, given, last), resolved(llama_map, rules, given)
        assert found == alone
        pairs = list(zip(found.sites, last.sites, strict=True))
        assert [new is old for new, old in pairs] == [new == old for new, old in pairs]
        last = found


@given(any_rules, st.sampled_from(SELECTORS))
def test_off_then_on_gives_back_what_was_there(llama_map: ModelMap, rules: list[str], selector: str) -> None:
    before = {p.site.name: p for p in resolved(llama_map, [*rules, selector]).sites}
    switched = resolved(llama_map, [*rules, selector, f"{selector} off"])
    back = resolved(llama_map, [*rules, selector, f"{selector} off", selector])
    selected = {site.name for site in select(parse_rule(selector), llama_map, {})}
    assert {p.site.name: p for p in back.sites} == before
    for planned in switched.sites:
        assert (planned.adapter is None) or planned.site.name not in selected
        assert planned.base == before[planned.site.name].base


@given(any_rules, st.sampled_from(SELECTORS), st.integers(1, 50))
def test_scaling_the_rank_there_and_back_changes_nothing(
    llama_map: ModelMap, rules: list[str], selector: str, factor: int
) -> None:
    there_and_back = [*rules, f"{selector} r*={factor}", f"{selector} r/={factor}"]
    assert resolved(llama_map, there_and_back).sites == resolved(llama_map, rules).sites


@given(any_rules)
def test_base_only_rules_adapt_nothing(llama_map: ModelMap, rules: list[str]) -> None:
    before, after = resolved(llama_map, rules), resolved(llama_map, [*rules, "* all base=fp4 blocksize=128"])
    assert [p.adapter for p in after.sites] == [p.adapter for p in before.sites]
    assert {(p.base.format, p.base.blocksize) for p in after.sites} == {("fp4", 128)}


def test_defaults_and_what_adapts(home: Home, llama: Path) -> None:
    plan = make_plan(home, llama, "* attn", "0 mlp r=4", "1 mlp base=bf16", defaults={"r": 2, "dropout": 0.1})
    q, up = plan.site(Q0).adapter, plan.site(UP0).adapter
    assert q is not None
    assert up is not None
    assert (q.method, q.r, q.alpha, q.dropout, q.init) == ("lora", 2, 4.0, 0.1, "default")
    assert (up.r, up.alpha) == (4, 8.0)
    assert plan.site("model.layers.1.mlp.up_proj").adapter is None
    assert plan.site("model.layers.1.mlp.up_proj").base.format == "bf16"
    assert plan.site(Q0).base.blocksize == 64
    assert plan.site(Q0).base.double_quant is True


def test_a_multiple_of_the_rank_is_derived_again(home: Home, llama: Path) -> None:
    scaled = make_plan(home, llama, "* all r=4", "* mlp r*=2", "* q alpha*=2").site
    up, q = scaled(UP0).adapter, scaled(Q0).adapter
    assert up is not None
    assert q is not None
    assert (up.r, up.alpha, q.r, q.alpha) == (8, 16.0, 4, 16.0)
    fixed = make_plan(home, llama, "* all r=4 alpha=8", "* mlp r*=2")
    assert (fixed.site(Q0).scaling, fixed.site(UP0).scaling) == (2.0, 1.0)


def test_factors_that_are_not_exact_in_floating_point(home: Home, llama: Path) -> None:
    adapter = make_plan(home, llama, "* mlp r=10", "* mlp r*=1.1").site(UP0).adapter
    assert adapter is not None
    assert adapter.r == 11


def test_plans_that_adapt_nothing_are_reference_plans(home: Home, llama: Path) -> None:
    for rules in ((), ("* all off",), ("* all", "* all method=none"), ("* all base=fp32",)):
        plan = make_plan(home, llama, *rules)
        assert plan.reference
        assert (plan.trainable_params, plan.site(Q0).method, plan.site(Q0).scaling) == (0, "none", None)
    assert make_plan(home, llama, "* all", defaults={"method": "none"}).reference


def test_the_hash_covers_the_sites_alone(home: Home, llama: Path) -> None:
    first = make_plan(home, llama, "* all r=4", name="a", notes="x")
    same = make_plan(home, llama, "* attn r=4", "* mlp r=2", "* mlp r=4", name="b", groups={"late": "upper all"})
    assert first.hash == same.hash
    assert len(first.hash) == 12
    others = {
        make_plan(home, llama, "* all r=4", "0 q r=2").hash,
        make_plan(home, llama, "* all r=4 alpha=r").hash,
        make_plan(home, llama, "* all r=4 blocksize=128").hash,
        make_plan(home, llama, "* all r=4", "0 q off").hash,
    }
    assert len(others | {first.hash}) == 5


def messages(plan_problems: tuple[object, ...]) -> str:
    return "\n".join(map(str, plan_problems))


@pytest.mark.parametrize(
    ("rules", "more", "where", "message", "hint"),
    [
        (("* all r=9",), {}, "2:9 rules[0]",
         "model.layers.0.self_attn.k_proj, model.layers.0.self_attn.v_proj, model.layers.1.self_attn.k_proj and 5 more:"
         " r 9 is larger than the smaller side of the layer, 8", "change r there"),
        (("* all",), {"defaults": {"r": 9}}, "2:12 defaults.r", "r 9 is larger than the smaller side", "change r"),
        (("* all r=4", "0 q,k r/=8"), {}, "2:22 rules[1]",
         "model.layers.0.self_attn.q_proj, model.layers.0.self_attn.k_proj: r/=8 turns r 4 into 0.5", "whole number"),
        (("* all r=4", "0 q r/=3"), {}, "rules[1]", "r/=3 turns r 4 into 1.33", "a whole number from 1"),
        (("0 q r=4 dropout=0.5", "0 q dropout*=2"), {}, "rules[1]", "dropout*=2 turns dropout 0.5 into 1", "below 1"),
        (("0 q r=2 balance=2",), {}, "rules[0]", f"{Q0}: method lora takes no balance", "lora takes r, alpha, dropout"),
        (("0 q r=2",), {"defaults": {"pool": 2}}, "defaults.pool", "method lora takes no pool", "takes r, alpha"),
        (("0 q base=bf16 blocksize=64",), {}, "rules[0]", f"{Q0}: base format bf16 takes no blocksize", "no further"),
        (("0 q threshold=6",), {}, "rules[0]", "base format nf4 takes no threshold", "blocksize, double_quant"),
        (("0 q r=2",), {"require": ["mergeable"]}, "2:1 require",
         f"{Q0}: lora cannot be merged into nf4", "use a base or a method"),
    ],
)  # fmt: skip
def test_errors_name_the_sites(
    home: Home, llama: Path, rules: tuple[str, ...], more: dict[str, object], where: str, message: str, hint: str
) -> None:
    check = check_rules(home, llama, *rules, **more)
    assert check.plan is None
    assert len(check.errors) == 1, messages(check.errors)
    assert where in check.errors[0].where
    assert message in check.errors[0].message
    assert hint in check.errors[0].hint


def test_keys_of_an_earlier_base_format_are_dropped(home: Home, llama: Path) -> None:
    base = make_plan(home, llama, "* all base=fp4 blocksize=128", "0 all base=bf16").site(Q0).base
    assert (base.format, base.blocksize, base.double_quant) == ("bf16", None, None)


def test_plans_on_16_and_32_bits_are_mergeable(home: Home, llama: Path) -> None:
    assert make_plan(home, llama, "* q r=4 base=bf16", "* v r=4 base=fp32", require=["mergeable"]).adapted


@pytest.mark.parametrize(
    ("rules", "warnings"),
    [
        (("* all r=4",), []),
        (("* all r=4", "* mlp r=2"), []),
        (("* all r=4", "* all r=2"), ["rules[0]: changes nothing: later rules override all of it"]),
        (("* mlp r=4", "* all off"), ["rules[0]: changes nothing: later rules override all of it"]),
        (("* attn r=4", "* mlp r*=2"), ["rules[1]: changes nothing: none of its sites is adapted before it"]),
        (("* attn r=4 alpha=8", "* mlp r=2 alpha=8"),
         ["rules: adapted sites differ in scaling: 2 (16 sites), 4 (12 sites)"]),
    ],
)  # fmt: skip
def test_warnings(home: Home, llama: Path, rules: tuple[str, ...], warnings: list[str]) -> None:
    check = check_rules(home, llama, *rules)
    assert check.ok
    assert [f"{w.where.split()[-1]}: {w.message}" for w in check.warnings] == warnings


def test_plan_groups(home: Home, llama: Path) -> None:
    groups = {"late": "upper mlp", "late-up": "@late up", "none": "@late q"}
    check = check_rules(home, llama, "@late r=4", groups=groups)
    plan = check.plan
    assert plan is not None
    assert plan.groups_dict["late-up"] == ["model.layers.3.mlp.up_proj"]
    assert len(plan.groups_dict["late"]) == len(plan.adapted) == 3
    assert "none" not in plan.groups_dict
    assert [w.message for w in check.warnings] == [f"group 'none' has no sites in {llama}"]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"upper": "* all"}, "'upper' is a built-in group"),
        ({"a b": "* all"}, "'a b' is no name of a group"),
        ({"late": "upper mlp r=3"}, "group 'late' sets something"),
        ({"late": "upper mlp off"}, "group 'late' sets something"),
        ({"late": "uper mlp"}, "'uper' is no block term"),
        ({"late": "9 mlp"}, "'9' reaches beyond the 4 blocks"),
        ({"a": "@b", "b": "* all"}, "unknown group '@b'"),
    ],
)
def test_faulty_groups(home: Home, llama: Path, groups: dict[str, str], message: str) -> None:
    check = check_rules(home, llama, "0 q r=4", groups=groups)
    assert [error.where.split()[-1].startswith("groups.") or "a b" in error.where for error in check.errors] == [True]
    assert message in check.errors[0].message


def test_groups_of_the_home(home: Home, llama: Path, tmp_path: Path) -> None:
    home.path.mkdir()
    home.groups_file.write_text('late: "upper mlp"\nbig: "9 all"\n', encoding="utf-8")
    plan = make_plan(home, llama, "@late r=4")
    assert list(plan.groups_dict) == ["late"]  # big is for a larger model
    assert make_plan(home, write_llama(tmp_path / "m", 10), "@late r=4").groups_dict.keys() == {"late", "big"}
    own: Plan = make_plan(home, llama, "@late r=4", groups={"late": "0 q"})
    assert [p.site.name for p in own.adapted] == [Q0]
    home.groups_file.write_text('ok: "* all"\nlate: "uper mlp"\n', encoding="utf-8")
    check = check_rules(home, llama, "0 q r=4")
    assert [str(home.groups_file) + ":2:8 late" == error.where for error in check.errors] == [True]


def test_built_in_groups_can_be_named(home: Home, llama: Path, llama_map: ModelMap) -> None:
    adapted = make_plan(home, llama, "@attention r=4").adapted
    assert tuple(p.site for p in adapted) == built_in_groups(llama_map)["attention"]
