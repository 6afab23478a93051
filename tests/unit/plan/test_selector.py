import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.plan.families import MODULE_WORDS
from workbench.plan.formats import BLOCKSIZES, FORMATS
from workbench.plan.keys import Multiple
from workbench.plan.model_map import ModelMap
from workbench.plan.rule import Assignment, Every, InBand, InGroup, Last, ModuleTerm, Part, Range, Rule
from workbench.plan.selector import SelectorError, built_in_groups, compact, format_rule, parse_rule, select

counts = st.integers(1, 10**6)
positive = st.floats(1e-9, 1e9)
block_terms = st.one_of(
    st.builds(Every, counts),
    st.builds(lambda start, more: Range(start, start + more), st.integers(0, 200), st.integers(0, 200)),
    st.builds(Range, st.integers(0, 200), st.none()),
    st.builds(Last, counts),
    st.builds(InBand, st.sampled_from(["lower", "middle", "upper"])),
    st.builds(Part, st.sampled_from(["first", "last"]), counts),
    st.builds(InGroup, st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,8}", fullmatch=True)),
)
module_terms = st.builds(ModuleTerm, st.sampled_from(["all", "attn", "mlp", *MODULE_WORDS]))
base_values = {
    "base": st.sampled_from(list(FORMATS)),
    "blocksize": st.sampled_from(BLOCKSIZES),
    "double_quant": st.booleans(),
    "threshold": st.floats(0, 1e6),
}
adapter_values = {
    "method": st.just("lora"),
    "r": counts,
    "alpha": positive | st.builds(Multiple, positive),
    "balance": counts,
    "pool": counts,
    "dropout": st.floats(0, 1, exclude_max=True),
    "init": st.sampled_from(["default", "gaussian"]),
}


def assignments(values: dict[str, st.SearchStrategy[object]]) -> st.SearchStrategy[tuple[Assignment, ...]]:
    def some(keys: list[str]) -> st.SearchStrategy[tuple[Assignment, ...]]:
        scaled = {
            key: st.builds(Assignment, st.just(key), st.sampled_from(["*=", "/="]), positive)
            for key in ("r", "alpha", "balance", "pool", "dropout")
        }
        plain = {key: st.builds(Assignment, st.just(key), st.just("="), values[key]) for key in keys}
        return st.tuples(*(plain[key] | scaled.get(key, plain[key]) for key in keys))

    return st.lists(st.sampled_from(list(values)), unique=True).flatmap(some)


rules = st.one_of(
    st.builds(
        Rule,
        st.lists(block_terms, min_size=1, max_size=4).map(tuple),
        st.lists(module_terms, min_size=1, max_size=4).map(tuple),
        assignments({**base_values, **adapter_values}),
    ),
    st.builds(
        Rule,
        st.lists(st.builds(InGroup, st.just("late")), min_size=1, max_size=2).map(tuple),
        st.just(()),
        assignments(base_values),
        st.booleans(),
    ),
)


@given(rules)
def test_parsing_a_formatted_rule_gives_it_back(rule: Rule) -> None:
    assert parse_rule(format_rule(rule)) == rule


def error_of(text: str) -> SelectorError | None:
    try:
        parse_rule(text)
    except SelectorError as error:
        return error
    return None


@given(st.text(max_size=40) | st.text("*0123-%,/@=. allqfirst\t", max_size=20))
def test_any_text_is_a_rule_or_a_selector_error_with_a_place(text: str) -> None:
    if error := error_of(text):
        assert 1 <= error.column <= len(text) + 2
        assert error.title
        assert error.hint.startswith(f"{text}\n")
    else:
        assert parse_rule(format_rule(parse_rule(text))) == parse_rule(text)


def test_the_examples_of_the_grammar() -> None:
    assert parse_rule("0-7,24- attn r=8") == Rule(
        (Range(0, 7), Range(24, None)), (ModuleTerm("attn"),), (Assignment("r", "=", 8),)
    )
    assert parse_rule("%4 q,v off") == Rule((Every(4),), (ModuleTerm("q"), ModuleTerm("v")), off=True)
    assert parse_rule("upper all r*=2").assignments == (Assignment("r", "*=", 2.0),)
    assert parse_rule("@late down base=bf16").blocks == (InGroup("late"),)
    assert parse_rule("* all alpha=0.5r").assignments[0].value == Multiple(0.5)
    assert parse_rule("* all alpha=r").assignments[0].value == Multiple(1.0)
    assert parse_rule(" 0 , 1  q , v   r=2 ") == parse_rule("0,1 q,v r=2")


@pytest.mark.parametrize(
    ("text", "column", "message", "advice"),
    [
        ("", 1, "an empty rule", "expected blocks"),
        ("0-7", 5, "the rule names no modules", "expected modules"),
        ("0-7 r=8", 5, "the rule names no modules", "expected modules"),
        ("@a,0 r=8", 6, "the rule names no modules", "expected modules"),
        ("* mlpp r=4", 3, "'mlpp' is no module", "did you mean 'mlp'?"),
        ("* q,uup", 5, "'uup' is no module", "did you mean 'up'?"),
        ("* q,,v", 5, "a comma with nothing beside it", "expected modules"),
        ("uper all", 1, "'uper' is no block term", "did you mean 'upper'?"),
        ("attn r=16", 1, "'attn' is no block term", "did you mean '* attn'? blocks come before modules"),
        ("attention r=16", 1, "'attention' is no block term", "did you mean '* attn'?"),
        ("q_proj r=16", 1, "'q_proj' is no block term", "did you mean '* q_proj'?"),
        ("* attention r=16", 3, "'attention' is no module", "did you mean 'attn'?"),
        ("0,x all", 3, "'x' is no block term", "first/3"),
        ("%0 all", 1, "'%0': %n takes every n-th block, from 1", "expected blocks"),
        ("-0 all", 1, "'-0': -n counts the last blocks, from 1", "expected blocks"),
        ("--2 all", 1, "'--2' is no block term", "-4"),
        ("first/0 all", 1, "'first/0': the divisor is a whole number from 1", "expected blocks"),
        ("7-3 all", 1, "'7-3': the range ends before it starts; write 3-7", "expected blocks"),
        ("* lm_head", 3, "'lm_head' is not a site: only the linear layers", "expected modules"),
        ("* embed_tokens", 3, "'embed_tokens' is not a site", "expected modules"),
        ("* input_layernorm", 3, "'input_layernorm' is not a site", "expected modules"),
        ("* all r = 8", 7, "'r' sets nothing", "without spaces"),
        ("* all rr=8", 7, "unknown key 'rr'", "did you mean 'r'?"),
        ("* all r=0", 9, "r is 0", "expected a whole number from 1"),
        ("* all r=2.5", 9, "r is 2.5", "expected a whole number from 1"),
        ("* all r=", 9, "r is ''", "expected a whole number from 1"),
        ("* all alpha=0", 13, "alpha is 0", "a multiple of the rank such as 2r"),
        ("* all alpha=-1r", 13, "alpha is -1r", "a multiple of the rank such as 2r"),
        ("* all alpha=1e999", 13, "alpha is inf", "expected a number above 0"),
        ("* all dropout=1", 15, "dropout is 1", "expected a number from 0 to below 1"),
        (
            "* all method=qlorra",
            14,
            "method 'qlorra' is not available in this version",
            "available: none, lora, rslora, dora, blora, qalora",
        ),
        (
            "* all base=int3",
            12,
            "base format 'int3' is not available in this version",
            "nf4, fp4, int4, int8, bf16, fp32",
        ),
        ("* all init=corda", 12, "init 'corda' is not available in this version", "default, gaussian"),
        ("* all blocksize=48", 17, "blocksize is 48", "expected one of 32, 64"),
        ("* all double_quant=1", 20, "double_quant is '1'", "expected true or false"),
        ("* all base*=2", 13, "base cannot be multiplied", "these can: r, alpha, balance, pool, dropout"),
        ("* all r*=0", 10, "'0' is no factor", "expected a number above 0"),
        ("* all r*=x", 10, "'x' is no factor", "expected a number above 0"),
        ("* all r=4 r*=2", 11, "r is set twice", "each key once"),
        ("* all off r=4", 11, "r is set where the rule turns the adapter off", "base keys only"),
        ("* all method=none r=4", 19, "r is set where the rule turns the adapter off", "base keys only"),
        ("* all off off", 11, "the adapter is turned off twice", "off once"),
    ],
)
def test_errors_show_the_place_and_what_was_expected(text: str, column: int, message: str, advice: str) -> None:
    with pytest.raises(SelectorError) as error:
        parse_rule(text)
    shown, caret, *rest = error.value.hint.split("\n")
    assert message in error.value.title
    assert error.value.column == column
    assert (shown, caret) == (text, " " * (column - 1) + "^")
    assert advice in "\n".join(rest)


def blocks_of(text: str, model_map: ModelMap) -> list[int]:
    return sorted({site.block for site in select(parse_rule(text), model_map, {})})


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("* all", [0, 1, 2, 3]),
        ("1 all", [1]),
        ("1-2 all", [1, 2]),
        ("2- all", [2, 3]),
        ("-1 all", [3]),
        ("-4 all", [0, 1, 2, 3]),
        ("%2 all", [0, 2]),
        ("lower all", [0]),
        ("middle all", [1, 2]),
        ("upper all", [3]),
        ("first/3 all", [0]),
        ("last/4 all", [3]),
        ("first/2 all", [0, 1]),
        ("0,-1 all", [0, 3]),
        ("@middle", [1, 2]),
    ],
)
def test_blocks(llama_map: ModelMap, text: str, blocks: list[int]) -> None:
    assert blocks_of(text, llama_map) == blocks


@pytest.mark.parametrize(
    ("text", "shorts"),
    [
        ("0 all", "q k v o gate up down"),
        ("0 attn", "q k v o"),
        ("0 mlp", "gate up down"),
        ("0 q,v_proj", "q v"),
        ("0 down,attn", "q k v o down"),
        ("@lower mlp", "gate up down"),
    ],
)
def test_modules(llama_map: ModelMap, text: str, shorts: str) -> None:
    assert [site.module.removesuffix("_proj") for site in select(parse_rule(text), llama_map, {})] == shorts.split()


def test_groups_and_blocks_mix(llama_map: ModelMap) -> None:
    groups = {"late": select(parse_rule("upper mlp"), llama_map, {})}
    assert select(parse_rule("@late"), llama_map, groups) == groups["late"]
    names = [site.name for site in select(parse_rule("@late,0 up,q"), llama_map, groups)]
    assert names == ["model.layers.0.self_attn.q_proj", "model.layers.0.mlp.up_proj", "model.layers.3.mlp.up_proj"]


@pytest.mark.parametrize(
    ("text", "column", "message", "advice"),
    [
        ("0,9 all", 3, "'9' reaches beyond the 4 blocks of", "blocks from 0 to 3"),
        ("0-4 all", 1, "'0-4' reaches beyond the 4 blocks", "blocks from 0 to 3"),
        ("4- all", 1, "'4-' reaches beyond", "blocks from 0 to 3"),
        ("-5 all", 1, "'-5' reaches beyond", "blocks from 0 to 3"),
        ("* q,qkv", 5, "has no module 'qkv'", "q, k, v, o, gate, up, down"),
        ("@lat", 1, "unknown group '@lat'", "lower, middle, upper, late"),
        ("@late q", 1, "selects no site of", "blocks 0 to 3 × q, k, v, o, gate, up, down"),
        ("first/20 all", 1, "selects no site of", "blocks 0 to 3"),
    ],
)
def test_what_the_model_does_not_have(llama_map: ModelMap, text: str, column: int, message: str, advice: str) -> None:
    groups = {"late": select(parse_rule("upper mlp"), llama_map, {})}
    with pytest.raises(SelectorError) as error:
        select(parse_rule(text), llama_map, groups)
    assert message in error.value.title
    assert error.value.column == column
    assert advice in error.value.hint


def test_built_in_groups_cover_the_model_twice(llama_map: ModelMap) -> None:
    groups = built_in_groups(llama_map)
    assert list(groups) == ["attention", "mlp", "lower", "middle", "upper"]
    assert sum(map(len, groups.values())) == 2 * len(llama_map.sites)


@given(st.sets(st.integers(0, 27)))
def test_compact_selects_exactly_those_sites(llama_map: ModelMap, places: set[int]) -> None:
    sites = [llama_map.sites[place] for place in places]
    selected = [site for text in compact(sites, llama_map) for site in select(parse_rule(text), llama_map, {})]
    assert sorted(site.name for site in selected) == sorted(site.name for site in sites)


def test_compact_finds_short_forms(llama_map: ModelMap) -> None:
    def shortened(text: str) -> str:
        return "; ".join(compact(select(parse_rule(text), llama_map, {}), llama_map))

    assert shortened("0-3 gate,up,down") == "* mlp"
    assert shortened("1,2 q,k,v,o") == "middle attn"
    assert shortened("0,2- v,q") == "0,2-3 q,v"
    assert shortened("* all") == "* all"
