"""Study files: every problem at once, each at its place, with what would do."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.study_files.support import text
from workbench.errors import InvalidError, NotFoundError
from workbench.run.layout import Home
from workbench.study.study import find_study, load_study, read_study
from workbench.study.study_file import schema_text

PUBLISHED = Path(__file__).parents[3] / "docs" / "schemas" / "study.schema.json"


def problems(home: Home, content: str) -> list[tuple[str, str, str]]:
    with pytest.raises(InvalidError) as caught:
        read_study(content, Path("study.yaml"), home)
    return [(p.where, p.message, p.hint) for p in caught.value.problems]


def test_the_published_schema_is_current() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text()
    assert json.loads(schema_text())["required"] == ["model", "recipe", "seeds"]


def test_every_problem_of_the_values_is_told_at_once_with_its_place(home: Home) -> None:
    found = problems(
        home,
        "model: demo\nbse: nf4\ndefaults: {method: lorra, r: 0}\nrecipe: demo\n"
        "factors:\n  cut: [2]\n  odd: {a: 1, b: [2]}\ntemplate: '* mlp r/={cut}'\nseeds: [1, -4, x]\n",
    )
    assert [where for where, _, _ in found] == [
        "study.yaml:2:1 bse",
        "study.yaml:3:12 defaults.method",
        "study.yaml:3:27 defaults.r",
        "study.yaml:7:15 factors.odd.b",
        "study.yaml:9:12 seeds[1]",
        "study.yaml:9:16 seeds[2]",
    ]
    assert found[0][2] == "did you mean 'base'?"
    assert "did you mean 'lora'?" in found[1][2]


def test_every_problem_of_the_meaning_is_told_at_once(home: Home) -> None:
    found = problems(
        home,
        "model: demo\nrecipe: demo\nset: {batch: -8}\nbaseline:\n  - '* all'\n  - '* mpl r=4'\n"
        "factors:\n  cut: [4, 4]\n  stepz: [1]\ntemplate: '* mlp r/={cut} {hole}'\nseeds: [1, 2, 1]\nmetric: exact\n",
    )
    assert {where: message for where, message, _ in found} == {
        "study.yaml:3:7 set.batch": "batch is -8: it should be greater than or equal to 1",
        "study.yaml:6:8 baseline[1]": "'mpl' is no module",
        "study.yaml:8:12 factors.cut[1]": "the level 4 stands here a second time",
        "study.yaml:9:3 factors.stepz": "factor 'stepz' is never used",
        "study.yaml:10:1 template": "no factor fills the hole {hole}",
        "study.yaml:11:15 seeds[2]": "seed 1 stands here a second time",
        "study.yaml:12:1 metric": "no evaluator of the recipe gives 'exact'",
    }
    hints = {message: hint for _, message, hint in found}
    assert "did you mean 'steps'?" in hints["factor 'stepz' is never used"]
    assert "did you mean 'exact_match'?" in hints["no evaluator of the recipe gives 'exact'"]


@pytest.mark.parametrize(
    ("values", "where", "said"),
    [
        ({"arms": {"a": "* mlp r=4"}, "template": "* mlp r=2"}, "arms", "exclude each other"),
        ({}, "", "no arms beside its baseline"),
        ({"arms": {"baseline": "* mlp r=4"}}, "arms.baseline", "every study has"),
        ({"arms": {"a": {"solve": "* mlp r={n}"}}}, "arms.a", "go together"),
        ({"arms": {"a": {"solve": "* mlp r=4", "discount": 0.1}}}, "arms.a.solve", "one hole {n}"),
        ({"arms": {"a": {"solve": "* mlp r={n}", "params": "b"}}}, "arms.a.params", "no arm 'b'"),
        ({"arms": {"a": {"solve": "* q r={n}", "discount": 0.1, "params": 9}}}, "arms.a.params", "exclude"),
        ({"factors": {"discount": [0.1]}, "template": "* mlp r=4"}, "template", "needs one hole"),
        ({"template": "* mlp r={n}"}, "template", "needs a budget"),
        ({"factors": {"discount": [2]}, "template": "* mlp r={n}"}, "factors.discount[0]", "discount is 2"),
        ({"factors": {"cut": []}, "template": "* mlp r/={cut}"}, "factors.cut", "has no levels"),
        ({"baseline": "* all off", "arms": {"a": "* mlp"}}, "baseline", "adapts nothing"),
        ({"recipe": "dmo", "arms": {"a": "* mlp"}}, "recipe", "no recipe 'dmo'"),
        ({"name": "a b", "arms": {"a": "* mlp"}}, "name", "no name of a study"),
        ({"groups": {"late": "uper mlp"}, "arms": {"a": "* mlp"}}, "groups.late", "'uper' is no block term"),
        ({"arms": {"a": "* mlp"}, "metric": "loss@int4"}, "metric", "'loss@int4'"),
    ],
)
def test_what_does_not_fit_together_is_said(home: Home, values: dict[str, Any], where: str, said: str) -> None:
    [(place, message, hint)] = problems(home, text(**values))
    assert place.partition(" ")[2] == where
    assert said in f"{message} {hint}"
    assert hint


def test_a_metric_after_merging_is_known_where_the_study_asks_for_it(home: Home) -> None:
    content = text(arms={"a": "* mlp r=4"}, metric="loss@int4", set={"merge_eval": ["int4"]})
    assert read_study(content, Path("study.yaml"), home).file.metric == "loss@int4"


def test_a_rule_that_yaml_trips_over_gets_the_hint(home: Home) -> None:
    [(where, _, hint)] = problems(home, "model: demo\nrecipe: demo\nseeds: [1]\nbaseline:\n  - * all\n")
    assert where.startswith("study.yaml:5:")
    assert "quote the rule" in hint


def test_studies_are_found_by_path_and_by_name(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    place = home.studies / "mine" / "study.yaml"
    place.parent.mkdir(parents=True)
    place.write_text(text(name="mine", arms={"a": "* mlp r=4"}), encoding="utf-8")
    assert load_study("mine", home).path == place
    assert find_study(str(place), home) == place
    with pytest.raises(NotFoundError, match="no study 'mien'") as missing:
        find_study("mien", home)
    assert "did you mean 'mine'?" in missing.value.hint
    with pytest.raises(NotFoundError, match="built-in") as built_in:
        find_study("same-discount", home)
    assert "--from same-discount" in built_in.value.hint


def test_a_missing_model_is_not_found_and_not_invalid(home: Home) -> None:
    with pytest.raises(NotFoundError, match="nowhere"):
        read_study(text(model="./nowhere", arms={"a": "* mlp r=4"}), Path("study.yaml"), home)


@pytest.mark.parametrize("level", [".nan", "-.inf"])
def test_a_level_that_is_no_number_is_refused(home: Home, level: str) -> None:
    content = text(factors={"lr": [7]}).replace("[7]", f"[{level}]")
    [(place, message, _)] = problems(home, content)
    assert "factors.lr[0]" in place
    assert "is no number" in message


def test_the_name_of_a_level_is_one_line(home: Home) -> None:
    [(place, message, _)] = problems(home, text(factors={"g": {"a\nb": "* attn r=4"}}, template="{g}"))
    assert "factors.g" in place
    assert "is not one line" in message
