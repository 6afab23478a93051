from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from workbench.errors import InvalidError
from workbench.plan.edit import new_plan_text, set_rules, with_rules
from workbench.plan.files import check_text
from workbench.plan.keys import Multiple
from workbench.run.layout import Home

TEXT = """# my plan
model: demo   # the small one
rules:        # in order
  - "* all"   # everything

  # then less
  - "* mlp r=4"  # the MLP

# promises follow
require: []
notes: |
  - "not a rule"
"""


def test_appending_keeps_every_other_character(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(TEXT, encoding="utf-8")
    plan = set_rules(path, ["0 q r=2", "@upper mlp off"], home)
    assert path.read_text(encoding="utf-8") == TEXT.replace(
        '  - "* mlp r=4"  # the MLP\n', '  - "* mlp r=4"  # the MLP\n  - "0 q r=2"\n  - "@upper mlp off"\n'
    )
    assert plan.file["rules"] == ["* all", "* mlp r=4", "0 q r=2", "@upper mlp off"]


def test_replacing_keeps_what_is_outside_the_rules(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(TEXT, encoding="utf-8")
    set_rules(path, ["* q"], home, replace_all=True)
    start, end = TEXT.index('  - "* all"'), TEXT.index("\n# promises")
    assert path.read_text(encoding="utf-8") == f'{TEXT[:start]}  - "* q"\n{TEXT[end:]}'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("model: demo\n", 'model: demo\nrules:\n  - "0 q"\n'),
        ("model: demo", 'model: demo\nrules:\n  - "0 q"\n'),
        ("rules:\nmodel: demo\n", 'rules:\n  - "0 q"\nmodel: demo\n'),
        ("rules: []  # none\nmodel: demo\n", 'rules: ["0 q"]  # none\nmodel: demo\n'),
        ("rules: ['* all', ]\nmodel: demo\n", "rules: ['* all', \"0 q\", ]\nmodel: demo\n"),
        ("rules:\n- 1 all\nmodel: demo\n", 'rules:\n- 1 all\n- "0 q"\nmodel: demo\n'),
        ("rules:\n    - |-\n      1 all\nmodel: demo\n", 'rules:\n    - |-\n      1 all\n    - "0 q"\nmodel: demo\n'),
    ],
)
def test_layouts(before: str, after: str) -> None:
    assert with_rules(before, "p.yaml", ["0 q"]) == after


def test_a_layout_without_a_place_is_left_alone() -> None:
    with pytest.raises(InvalidError, match="its layout has no place for new rules") as error:
        with_rules("{model: demo}\n", "p.yaml", ["0 q"])
    assert "one per line" in error.value.hint


@pytest.mark.parametrize(
    ("rules", "where", "message"),
    [
        (["0 q", "* mlpp"], 'rule "* mlpp" column 3', "'mlpp' is no module"),
        (["9 q"], "rules[2]", "'9' reaches beyond the 6 blocks of demo"),
    ],
)
def test_a_faulty_rule_leaves_the_file_as_it_was(
    home: Home, tmp_path: Path, rules: list[str], where: str, message: str
) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(TEXT, encoding="utf-8")
    with pytest.raises(InvalidError) as error:
        set_rules(path, rules, home)
    assert where in error.value.problems[0].where
    assert message in error.value.problems[0].message
    assert path.read_text(encoding="utf-8") == TEXT
    assert list(tmp_path.glob(".*")) == []


@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1))
def test_a_new_plan_can_have_any_name(name: str) -> None:
    assert YAML(typ="safe", pure=True).load(new_plan_text(name, "demo"))["name"] == name


def test_a_new_plan_resolves(home: Home) -> None:
    text = new_plan_text("x", "demo", "fp4", ["* all", "%2 q off"], {"r": 4, "alpha": Multiple(1.0)})
    plan = check_text(text, Path("x.yaml"), home).plan
    assert plan is not None
    adapter = plan.site("model.layers.1.self_attn.q_proj").adapter
    assert adapter is not None
    assert (adapter.r, adapter.alpha, plan.sites[0].adapter, plan.sites[0].base.format) == (4, 4.0, None, "fp4")
    empty = check_text(new_plan_text("x", "demo", rules=[]), Path("x.yaml"), home).plan
    assert empty is not None
    assert empty.reference
    assert set(YAML(typ="safe", pure=True).load(text)) == {"name", "model", "base", "defaults", "rules"}
