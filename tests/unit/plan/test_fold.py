import pytest

from tests.unit.plan.test_resolve import resolved
from workbench.plan.fold import folded
from workbench.plan.grammar import parse_rule
from workbench.plan.model_map import ModelMap

SETTINGS = ("", "off", "r=4", "r=8", "r*=2", "r/=2", "r*=3", "r*=1.5", "alpha*=2 r*=2", "alpha/=2 r/=4")


@pytest.mark.parametrize(
    ("old", "new", "one"),
    [
        ("0 q r=4", "0 q r=8", ("0 q r=8",)),
        ("0 q r*=2", "0 q r*=2", ("0 q r*=4",)),
        ("0-2 q,v r*=2", "0-2 q,v r/=8", ("0-2 q,v r/=4",)),
        ("0 q r*=2", "0 q r/=2", ()),
        ("0 q r*=2 alpha*=2", "0 q r*=2 alpha/=2", ("0 q r*=4",)),
        ("0 q r*=3", "0 q r/=2", None),  # one and a half times as much, which is no whole number
        ("0 q r*=2", "0 k r*=2", None),
        ("0 q r=4", "0 q r*=2", None),
        ("0 q r=4", "0 q alpha=4", None),
        ("0 q", "0 q off", None),
    ],
)
def test_two_rules_that_say_one_thing(old: str, new: str, one: tuple[str, ...] | None) -> None:
    assert folded(parse_rule(old), parse_rule(new)) == one


@pytest.mark.parametrize("old", SETTINGS)
def test_what_is_folded_sets_what_both_set(llama_map: ModelMap, old: str) -> None:
    before = ["* all r=48", "upper mlp off"]
    for new in SETTINGS:
        one = folded(parse_rule(f"0 q {old}"), parse_rule(f"0 q {new}"))
        both = [f"0 q {old}", f"0 q {new}"]
        found = resolved(llama_map, [*before, *(both if one is None else one)])
        assert found.sites == resolved(llama_map, [*before, *both]).sites, (old, new, one)
