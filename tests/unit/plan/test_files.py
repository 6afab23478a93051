import json
from pathlib import Path

import pytest

from tests.unit.plan.support import make_plan, plan_text
from workbench.errors import InvalidError, NotFoundError
from workbench.plan.document import read_document
from workbench.plan.files import check_plan, check_text, check_values, find_plan, load_plan
from workbench.plan.plan import plan_to_dict, site_records
from workbench.run.layout import Home


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_file_of_the_guide(home: Home, tmp_path: Path) -> None:
    text = """
name: mlp-quarter-rank
model: demo                 # demo, a local folder, or a hub id (with revision:)
base: nf4
defaults: {method: lora, r: 16, alpha: 2r, dropout: 0.0}
rules:
  - "* all"
  - "* mlp r=4"
groups: {late-mlp: "upper mlp"}
notes: free text
"""
    plan = load_plan(write(tmp_path / "p.yaml", text), home)
    assert (plan.name, plan.model, plan.notes) == ("mlp-quarter-rank", "demo", "free text")
    assert {p.adapter.r for p in plan.adapted if p.adapter and p.site.layer_type == "mlp"} == {4}
    assert {p.adapter.r for p in plan.adapted if p.adapter and p.site.layer_type == "attention"} == {16}
    assert len(plan.groups_dict["late-mlp"]) == 6
    assert plan_to_dict(plan)["rules"] == ["* all", "* mlp r=4"]


def test_a_plan_is_found_by_path_then_home_then_built_in(home: Home, llama: Path, tmp_path: Path) -> None:
    own = write(home.plans / "mine.yaml", plan_text(llama, "* all r=2"))
    assert find_plan("mine", home) == find_plan("mine.yaml", home) == own
    elsewhere = write(tmp_path / "mine.yaml", plan_text(llama))
    assert find_plan(elsewhere, home) == elsewhere
    assert load_plan("mine", home).name == "mine"


def test_a_plan_that_is_nowhere(home: Home, llama: Path) -> None:
    write(home.plans / "quarter.yaml", plan_text(llama))
    with pytest.raises(NotFoundError) as error:
        load_plan("quater", home)
    assert error.value.title == "no plan 'quater'"
    assert "did you mean 'quarter'?" in error.value.hint
    assert str(home.plans) in error.value.hint


def test_the_built_in_plans_resolve(home: Home) -> None:
    from workbench.plan.files import built_in_plans

    paths = sorted(built_in_plans().glob("*.yaml"))
    assert paths
    for path in paths:
        check = check_plan(path.stem, home)
        assert check.ok, check.errors


def test_another_model_takes_the_place_of_the_file_s(home: Home, llama: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "p.yaml", plan_text(llama, "* all r=4"))
    plan = load_plan(path, home, model="demo")
    assert (plan.model, plan.map.model, plan_to_dict(plan)["model"]) == ("demo", "demo", "demo")
    without = write(tmp_path / "q.yaml", 'rules: ["* all r=4"]\n')
    assert load_plan(without, home, model=str(llama)).map.path == llama


def test_plain_values_resolve_to_the_same_plan(home: Home, llama: Path) -> None:
    plan = make_plan(home, llama, "* all r=4", "@late off", groups={"late": "upper all"}, name="x")
    again = check_values(json.loads(json.dumps(plan_to_dict(plan))), home).plan
    assert again == plan
    assert again is not None
    assert again.hash == plan.hash


def test_all_errors_of_a_file_at_once(home: Home, tmp_path: Path) -> None:
    text = """nam: x
model: demo
base: int5
defaults: {r: 0, rank: 3, alpha: "x"}
rules:
  - "* mlpp r=4"
  - 3
  - "9 all"
  - "* q r=200"
  - "* attn balance=2"
groups: {late: "upper mlp r=3"}
require: [fast]
notes: [1]
"""
    path = write(tmp_path / "bad.yaml", text)
    with pytest.raises(InvalidError) as error:
        load_plan(path, home)
    problems = [(p.where.removeprefix(f"{path}:"), p.message, p.hint.split("\n")[-1]) for p in error.value.problems]
    assert error.value.title == f"plan '{path}': 13 problems"
    sites = "model.layers.0.self_attn.q_proj, model.layers.1.self_attn.q_proj, model.layers.2.self_attn.q_proj"
    first = "model.layers.0.self_attn.q_proj, model.layers.0.self_attn.k_proj, model.layers.0.self_attn.v_proj"
    assert problems == [
        ("1:1 nam", "unknown key 'nam'", "did you mean 'name'?"),
        (
            "3:1 base",
            "base format 'int5' is not available in this version",
            "did you mean 'int8'?; available: nf4, fp4, int4, int8, bf16, fp32",
        ),
        ("4:12 defaults.r", "r is 0", "expected a whole number from 1"),
        ("4:18 defaults.rank", "unknown key 'rank'", "did you mean 'r'?"),
        ("4:27 defaults.alpha", "alpha is 'x'", "expected a number above 0, or a multiple of the rank such as 2r"),
        (
            "6:8 rules[0]",
            "'mlpp' is no module",
            "expected modules: all, attn, mlp or names such as q,v; did you mean 'mlp'?",
        ),
        ("7:5 rules[1]", "3 is no rule", 'quote the rule: - "3 all r=8"'),
        ("8:6 rules[2]", "'9' reaches beyond the 6 blocks of demo", "expected blocks from 0 to 5"),
        (
            "9:5 rules[3]",
            f"{sites} and 3 more: r 200 is larger than the smaller side of the layer, 128",
            "change r there",
        ),
        (
            "10:5 rules[4]",
            f"{first} and 21 more: method lora takes no balance",
            "method lora takes r, alpha, dropout, init",
        ),
        ("11:27 groups.late", "group 'late' sets something", "expected blocks and modules only"),
        ("12:11 require[0]", "'fast' is no promise", "known: mergeable"),
        ("13:1 notes", "notes is [1]", "write text"),
    ]


@pytest.mark.parametrize(
    ("text", "where", "message", "hint"),
    [
        ("model: demo\nmodel: x\n", "2:1 model", "the key 'model' stands here a second time", "keep one"),
        ("model: demo\nrules:\n  - * all\n", "3:6", "a meaning of its own", 'quote the rule: - "* all"'),
        ("model: demo\nrules:\n  - %4 q off\n", "3:5", "a meaning of its own", 'quote the rule: - "%4 q off"'),
        ("model: demo\nrules:\n  - @late r=1 # x\n", "3:5", "meaning of its own", 'quote the rule: - "@late r=1"'),
        ("model: demo\nrules:\n  - *all\n", "3:5", "meaning of its own", 'quote the rule: - "*all"'),
        ("model: demo\nrules: [* all]\n", "2:10", "meaning of its own", 'quote the rule: ["* all"]'),
        ("model: demo\nrules: [1, 2\nbase: nf4\n", "3:5", "not YAML: expected ',' or ']'", "brackets"),
        ('model: demo\nnotes: "x\n', "3:1", "not YAML: found unexpected end of stream", "quotes"),
        ("", "1:1", "empty", "model: demo"),
        ("- a\n", "1:1", "not a mapping", "model: demo"),
        ("\x00", "", "not YAML", "UTF-8"),
        ("base: nf4\n", "1:1 model", "the key 'model' is missing", "model: demo"),
        ("model: ''\n", "1:1 model", "'' is no model", "write model as text"),
        ("model: nowhere\n", "1:1 model", "no model folder 'nowhere'", "give `demo`"),
        ("model: demo\nrules: '* all'\n", "2:1 rules", "rules is '* all'", 'each as `- "* all"`'),
        ("model: demo\ndefaults: 3\n", "2:1 defaults", "defaults is 3", "{r: 8, alpha: 2r}"),
        ("model: demo\ngroups: {1: '* q'}\n", "2:10 groups.1", "groups.1 is 1", "groups as"),
        ("model: demo\nrules:\n  - all: q\n", "3:5 rules[0]", "{'all': 'q'} is no rule", "quote the rule"),
        ("model: demo\ndefaults: {r: [1]}\n", "2:12 defaults.r", "r is [1]", "a whole number from 1"),
        ("model: demo\ndefaults: {alpha: true}\n", "2:12 defaults.alpha", "alpha is true", "a number above 0"),
    ],
)  # fmt: skip
def test_errors_have_line_column_and_hint(home: Home, text: str, where: str, message: str, hint: str) -> None:
    check = check_text(text, Path("plan.yaml"), home)
    assert [error.where for error in check.errors] == [f"plan.yaml:{where}" if where else "plan.yaml"]
    assert message in check.errors[0].message
    assert hint in check.errors[0].hint


def test_rules_are_read_even_without_a_model(home: Home) -> None:
    check = check_text("rules:\n  - 'x all'\n  - 4\n  - 'y all'\n", Path("p.yaml"), home)
    assert [error.where for error in check.errors] == [
        "p.yaml:1:1 model", "p.yaml:2:6 rules[0]", "p.yaml:3:5 rules[1]", "p.yaml:4:6 rules[2]",
    ]  # fmt: skip


def test_a_file_that_is_no_text(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(b"\xff\xfe")
    check = check_plan(path, home)
    assert [error.where for error in check.errors] == [str(path)]
    assert "UTF-8" in check.errors[0].hint


def test_a_folder_with_a_random_head_is_a_warning(home: Home, llama: Path, tmp_path: Path) -> None:
    from tests.unit.plan.support import write_llama

    folder = write_llama(tmp_path / "m", tie_word_embeddings=False)
    check = check_text(plan_text(folder, "* all r=4"), Path("p.yaml"), home)
    assert check.ok
    assert [(w.where, "starts at random" in w.message) for w in check.warnings] == [("p.yaml:1:1 model", True)]


def test_site_records_say_what_is_set(home: Home, llama: Path) -> None:
    adapted, plain = site_records(make_plan(home, llama, "0 q r=4 dropout=0.1", "0 k base=fp32"))[:2]
    assert (adapted.site, adapted.r, adapted.alpha, adapted.scaling) == ("model.layers.0.self_attn.q_proj", 4, 8.0, 2.0)
    assert (adapted.base, adapted.blocksize, adapted.bits, adapted.trainable_params) == ("nf4", 64, 4.127, 4 * 32)
    assert (plain.method, plain.r, plain.scaling, plain.trainable_params) == ("none", None, None, 0)
    assert (plain.base, plain.blocksize, plain.double_quant, plain.bits) == ("fp32", None, None, 32.0)


def test_values_of_a_text_that_was_read_before_are_its_own() -> None:
    text = 'model: demo\nrules: ["* all"]\n'
    read_document("a", text).data["rules"].append("* all off")
    assert read_document("b", text).data["rules"] == ["* all"]
