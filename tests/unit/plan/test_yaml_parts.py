"""A plan file read rule by rule comes to what it comes to when it is read as a whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml.error import YAMLError

from workbench.plan import yaml_parts
from workbench.plan.document import read_document
from workbench.plan.edit import with_rules
from workbench.plan.yaml_nodes import Node, parse_whole
from workbench.plan.yaml_parts import parse_yaml

LINES = (
    '  - "0 q r=8"',
    '- "é  x"',
    "model: demo",
    "rules:",
    "rules:  # later rules win",
    "rules: ['* all']",
    "groups: {late: upper mlp}",
    "notes: |",
    "notes: 'two",
    "  lines'",
    "defaults:",
    "  r: 8",
    "# a comment",
    "  # further in",
    "",
    "- 0 q",
    '- "* all"',
    '  - "1 k r=4"  # why',
    "  - '2 v'",
    "  - |-",
    "    3 all",
    "  - {a: 1}",
    "  - &a 4 all",
    "  - *a",
    "  -",
    '  - "torn',
    '    rule"',
    "---",
    "\t- 0 q",
)


def _places(node: Node | None) -> list[object]:
    """Where all values stand; a sequence in lines ends where the next token starts, which nothing asks for."""
    if node is None:
        return []
    inner = [part for pair in node.pairs for part in pair] + list(node.items)
    own = (node.kind, node.start, node.end if node.kind == "scalar" or node.flow else None, node.text, node.style)
    return [own, node.flow, *(place for part in inner for place in _places(part))]


def _read(text: str, how: object) -> object:
    try:
        parsed = how(text)  # type: ignore[operator]
    except YAMLError as error:
        return type(error)
    return parsed.data, _places(parsed.root)


@pytest.mark.filterwarnings("ignore::ruamel.yaml.error.ReusedAnchorWarning")
@given(st.lists(st.sampled_from(LINES), max_size=12), st.sampled_from(["\n", ""]))
def test_any_layout_is_read_alike(lines: list[str], end: str) -> None:
    text = "\n".join(lines) + end
    assert _read(text, parse_yaml) == _read(text, parse_whole)


@pytest.mark.parametrize(
    "text",
    [
        'model: demo\nrules:\n  - "* all"\n  - "0 q r=4"\n',
        "rules:  # why\n# first\n- 0 q\n\n# second\n- |-\n  1 k\nmodel: demo\ngroups:\n  late: upper mlp\n",
        "notes: |\n  rules:\n    - no rule\nrules:\n    - 0 q\n    - '1 k'  # why",
    ],
)
def test_of_an_edited_file_the_edited_rule_is_read(text: str) -> None:
    parse_yaml(text)
    known = yaml_parts._known.cache_info()
    edited = text.replace("0 q", "5 v,q", 1)
    found, whole = parse_yaml(edited), parse_whole(edited)
    assert (found.data, _places(found.root)) == (whole.data, _places(whole.root))
    assert yaml_parts._known.cache_info().misses == known.misses + 1


@given(st.lists(st.sampled_from(["0 q", "* all r=4", "é ☃ \U0001f600", 'a "quoted" \\ word']), min_size=1, max_size=6))
def test_what_is_written_is_read(rules: list[str]) -> None:
    text = with_rules("model: demo\n", "p.yaml", rules)
    assert read_document("p.yaml", text).data["rules"] == rules
    one_less = with_rules(text, "p.yaml", ["1 k"], kept=len(rules) - 1)
    assert read_document("p.yaml", one_less).data["rules"] == [*rules[:-1], "1 k"]
