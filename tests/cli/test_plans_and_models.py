"""Commands that train nothing: models, plans, and every kind of wrong input."""

from pathlib import Path

import pytest

from tests.cli.command import Desk


def test_without_a_command_help_is_printed_and_the_code_is_two(desk: Desk) -> None:
    answer = desk()
    assert answer.code == 2
    assert "compare" in answer.out + answer.err


def test_model_show_as_json(desk: Desk) -> None:
    shown = desk("model", "show", "demo", "--json").json
    assert (shown["model"], shown["architecture"], shown["blocks"]) == ("demo", "LlamaForCausalLM", 6)
    assert shown["sites"][0] == {
        "name": "model.layers.0.self_attn.q_proj",
        "block": 0,
        "module": "q_proj",
        "type": "attention",
        "depth": 0.0,
        "band": "lower",
        "shape": [128, 128],
        "params": 16384,
    }
    assert {"name": "lm_head", "reason": "tied to the embeddings"} in shown["skipped"]


@pytest.mark.slow
def test_a_plan_from_new_to_diff(desk: Desk) -> None:
    assert desk("plan", "new", "all", "--rank", "8").code == 0
    assert desk("plan", "new", "cut", "--rank", "8", "--rule", "* all", "--rule", "* mlp r/=4").code == 0
    path = desk.home / "plans/cut.yaml"
    path.write_text("# my own words\n" + path.read_text())
    assert desk("plan", "set", "cut", "--rule", "upper q off").code == 0
    text = path.read_text()
    assert text.startswith("# my own words\n")
    assert '"upper q off"' in text
    diff = desk("plan", "diff", "all", "cut", "--json").json
    assert {c["key"] for c in diff["changes"]} >= {"r", "method"}
    shown = desk("plan", "diff", "all", "cut").out
    assert "* mlp: r 8 → 2" in shown
    checked = desk("plan", "check", "cut", "--baseline", "all", "--recipe", "demo", "--json")
    assert checked.code == 0
    assert checked.json["ok"] is True
    assert checked.json["trainable_params"] == 61440 - 2 * 8 * 256
    assert checked.json["memory"]["total"] == sum(
        checked.json["memory"][k] for k in ("base", "embeddings", "trainable", "activations", "logits", "context")
    )
    assert checked.json["discount"] == pytest.approx(1 - (61440 - 4096) / 116736)
    assert len(checked.json["sites"]) == 42


def test_plan_new_overwrites_nothing(desk: Desk) -> None:
    assert desk("plan", "new", "mine").code == 0
    before = (desk.home / "plans/mine.yaml").read_bytes()
    answer = desk("plan", "new", "mine", "--rank", "4")
    assert answer.code == 2
    assert "--force" in answer.err
    assert (desk.home / "plans/mine.yaml").read_bytes() == before
    assert desk("plan", "new", "mine", "--rank", "4", "--force").code == 0


def test_a_plan_new_that_does_not_resolve_writes_nothing(desk: Desk) -> None:
    answer = desk("plan", "new", "bad", "--rule", "* wup")
    assert answer.code == 3
    assert "wup" in answer.err
    assert not (desk.home / "plans/bad.yaml").exists()


def test_a_built_in_plan_stays_as_it_is(desk: Desk) -> None:
    answer = desk("plan", "set", "demo-baseline", "--rule", "* mlp r=2")
    assert answer.code == 2
    assert "copy it first" in answer.err


def test_every_problem_of_a_plan_is_listed_with_its_place(desk: Desk) -> None:
    (desk.folder / "bad.yaml").write_text(
        'name: bad\nmodel: demo\nbase: nf5\ndefaults: {r: 0}\nrules:\n  - "* mpl r=4"\n  - "9 all"\n  - "* lm_head"\n'
    )
    answer = desk("plan", "check", "bad.yaml", "--json")
    assert answer.code == 3
    assert answer.json["ok"] is False
    wheres = [problem["where"] for problem in answer.json["errors"]]
    assert [where.split(" ")[1] for where in wheres] == ["base", "defaults.r", "rules[0]", "rules[1]", "rules[2]"]
    assert [where.split(":")[1] for where in wheres] == ["3", "4", "6", "7", "8"]
    assert all(problem["message"] for problem in answer.json["errors"])
    text = desk("plan", "check", "bad.yaml")
    assert text.code == 3
    assert "5 problems" in text.out


def test_an_unquoted_rule_gets_the_hint_to_quote_it(desk: Desk) -> None:
    (desk.folder / "bad.yaml").write_text("model: demo\nrules:\n  - * mlp r=4\n")
    answer = desk("plan", "show", "bad.yaml")
    assert answer.code == 3
    assert "bad.yaml:3" in answer.err
    assert 'quote the rule: - "* mlp r=4"' in answer.err


def test_a_plan_that_does_not_exist_names_the_nearest(desk: Desk) -> None:
    answer = desk("plan", "show", "demo-basline")
    assert answer.code == 4
    assert "did you mean 'demo-baseline'?" in answer.err


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ("data: demo\nlernrate: 1\n", ["lernrate", "recipe.yaml:2"]),
        ("data: demo\nsteps: 5\nepochs: 1\n", ["steps and epochs exclude each other"]),
        ("data: demo\nschedule: cosin\n", ["did you mean 'cosine'?", "recipe.yaml:2"]),
        ("data: demo\nsteps: 0\n", ["steps is 0", "greater than or equal to 1"]),
        ("steps: 5\n", ["the key 'data' is missing"]),
        ("data: [\n", ["recipe.yaml:2", "not YAML"]),
    ],
)
def test_a_wrong_recipe_says_what_and_where(desk: Desk, recipe: str, words: list[str]) -> None:
    (desk.folder / "recipe.yaml").write_text(recipe)
    answer = desk("run", "demo-baseline", "--recipe", "recipe.yaml")
    assert answer.code == 3
    assert not (desk.home / "runs").exists()
    for word in words:
        assert word in answer.err


def test_bad_data_is_refused_before_anything_is_made(desk: Desk) -> None:
    (desk.folder / "data.jsonl").write_text('{"prompt": "a", "completion": "b"}\n{"prompt": "c"}\n')
    (desk.folder / "recipe.yaml").write_text("data: data.jsonl\nsteps: 1\n")
    answer = desk("run", "demo-baseline", "--recipe", "recipe.yaml")
    assert answer.code == 3
    assert "data.jsonl:2: the key 'completion' is missing" in answer.err
    assert not (desk.home / "runs").exists()


@pytest.mark.parametrize(
    "arguments", [("runs", "show", "nothing"), ("runs", "logs", "nothing"), ("compare", "nothing")]
)
def test_a_run_that_does_not_exist_is_not_found(desk: Desk, arguments: tuple[str, ...]) -> None:
    answer = desk(*arguments)
    assert answer.code == 4
    assert answer.err.startswith("error: ")
    assert "Traceback" not in answer.err


def test_an_empty_home_is_not_an_error(desk: Desk) -> None:
    assert "no runs yet" in desk("runs", "list").out
    assert desk("runs", "list", "--json").json == []


def test_home_is_found_upward_and_can_be_named(desk: Desk, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    assert desk("--home", str(other), "plan", "new", "mine").code == 0
    assert (other / "plans/mine.yaml").is_file()
    assert not desk.home.exists()


def test_plan_set_writes_groups_that_its_rules_may_use(desk: Desk) -> None:
    assert desk("plan", "new", "grouped").code == 0
    answer = desk("plan", "set", "grouped", "--group", "late=upper mlp", "--rule", "@late r=2")
    assert answer.code == 0, answer.err
    checked = desk("plan", "check", "grouped", "--json").json
    assert checked["ok"]
    assert desk("plan", "set", "grouped", "--group", "late").code == 2
    refused = desk("plan", "set", "grouped", "--group", "upper=* mlp")
    assert refused.code == 3
    assert "built-in group" in refused.err
