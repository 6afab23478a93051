"""Rules written for settings given site by site: they give back exactly those, in few lines."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.plan.arrive_rules import Written, write_rules
from workbench.plan.choice import PlacedRule
from workbench.plan.keys import Multiple
from workbench.plan.model_map import ModelMap
from workbench.plan.resolve import Resolution, resolve
from workbench.plan.selector import parse_rule, select
from workbench.plan.site import Site

Pairs = dict[Site, tuple[int, float]]


def resolved(written: Written, model_map: ModelMap) -> Resolution:
    rules = [parse_rule(text) for text in written.rules]
    placed = [PlacedRule(index, rule, select(rule, model_map, {})) for index, rule in enumerate(rules)]
    return resolve(model_map.sites, {"r": written.r, "alpha": written.alpha}, placed)


def back(written: Written, model_map: ModelMap) -> Pairs:
    return {p.site: (p.adapter.r, p.adapter.alpha) for p in resolved(written, model_map).sites if p.adapter}


@st.composite
def numbers(draw: st.DrawFn) -> list[tuple[int, float] | None]:
    """Rank and alpha of 28 sites, few different ones: by module and block, so that blocks of sites are alike."""
    pair = st.none() | st.tuples(st.sampled_from((1, 2, 4)), st.sampled_from((2.0, 8.0, 0.1)))
    by_module = draw(st.lists(pair, min_size=7, max_size=7))
    by_block = draw(st.lists(pair, min_size=4, max_size=4))
    how = draw(st.lists(st.sampled_from(("module", "block", "own")), min_size=28, max_size=28))
    own = draw(st.lists(pair, min_size=28, max_size=28))
    table = {"module": lambda i: by_module[i % 7], "block": lambda i: by_block[i // 7], "own": lambda i: own[i]}
    return [table[way](index) for index, way in enumerate(how)]


@settings(max_examples=50, deadline=None)
@given(numbers(), st.tuples(st.sampled_from((1, 2, 4, 9)), st.sampled_from((2.0, 8.0, 3.0))))
def test_rules_give_back_what_they_were_written_for(
    llama_map: ModelMap, pairs: list[tuple[int, float] | None], preferred: tuple[int, float]
) -> None:
    wanted = {site: pair for site, pair in zip(llama_map.sites, pairs, strict=True) if pair}
    if wanted:
        written = write_rules(wanted, preferred, llama_map)
        assert back(written, llama_map) == wanted
        warnings = [finding.message for finding in resolved(written, llama_map).warnings]
        assert not [message for message in warnings if "changes nothing" in message]


def chosen(model_map: ModelMap, special: dict[str, tuple[int, float]], other: tuple[int, float]) -> Pairs:
    """Pairs by module (`q_proj`), block (`0`) or site (`0 q_proj`); the first that fits."""
    return {
        site: next(
            (
                pair
                for key, pair in special.items()
                if key in (site.module, str(site.block), f"{site.block} {site.module}")
            ),
            other,
        )
        for site in model_map.sites
    }


@pytest.mark.parametrize(
    ("special", "rules", "alpha"),
    [
        ({}, ("* all",), Multiple(2.0)),
        ({"q_proj": (4, 8.0)}, ("* all", "* q r=4"), Multiple(2.0)),
        ({"q_proj": (4, 16.0)}, ("* all", "* q r=4"), 16.0),
        ({"q_proj": (8, 20.0), "1 up_proj": (2, 20.0)}, ("* all", "1 up r=2 alpha=20", "* q alpha=20"), 16.0),
        ({"0 q_proj": (2, 4.0), "q_proj": (4, 8.0)}, ("* all", "* q r=4", "0 q r=2"), Multiple(2.0)),
        (
            {"0 up_proj": (8, 4.0), "0": (2, 16.0), "1": (2, 16.0)},
            ("* all", "0-1 all r=2", "0 up r=8 alpha=4"),
            16.0,
        ),
    ],
)
def test_rules_are_few(
    llama_map: ModelMap, special: dict[str, tuple[int, float]], rules: tuple[str, ...], alpha: object
) -> None:
    wanted = chosen(llama_map, special, (8, 16.0))
    written = write_rules(wanted, (8, 16.0), llama_map)
    assert back(written, llama_map) == wanted
    assert (written.alpha, set(written.rules)) == (alpha, set(rules))


def test_the_number_that_most_sites_have_becomes_the_default(llama_map: ModelMap) -> None:
    wanted = chosen(llama_map, {"0 q_proj": (3, 9.0)}, (4, 9.0))
    written = write_rules(wanted, (8, 16.0), llama_map)
    assert (written.r, written.alpha, written.rules) == (4, 9.0, ("* all", "0 q r=3"))
