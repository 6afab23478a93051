"""Copies, other names, tags, the trash, and files that come and go, as commands."""

import json
import re
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Desk
from tests.cli.in_process import Run, runner
from tests.cli.written_runs import RECIPE
from tests.store.helpers import Metric, finished_run, record
from workbench import atomic
from workbench.library.copies import rename_file
from workbench.library.entry import Kind
from workbench.run.layout import Home
from workbench.sample.mark import MARK
from workbench.study.study import known_studies, load_study

RUN, OTHER = "0123456789ab", "ba9876543210"
LOSS = Metric("loss", 0.5, False)


@pytest.fixture
def run(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(desk, monkeypatch, capsys)


@pytest.fixture
def home(desk: Desk) -> Home:
    return Home(desk.home)


def _plan_file() -> dict[str, object]:
    return {"model": "demo", "base": "nf4", "defaults": {"method": "lora", "r": 4}, "rules": ["* all"], "name": "base"}


def test_a_plan_is_copied_renamed_put_away_and_brought_back(run: Run, home: Home) -> None:
    assert run("plan", "clone", "demo-quarter-mlp", "mine").code == 0
    assert run("plan", "rename", "mine", "yours").code == 0
    text = (home.plans / "yours.yaml").read_text()
    assert "name: yours\n" in text
    assert text.startswith("# A quarter of the rank")
    assert not (home.plans / "mine.yaml").exists()
    assert run("plan", "rm", "yours").code == 0
    assert run("plan", "show", "yours").code == 4
    listed = run("trash", "list", "--json").json
    assert [(item["kind"], item["name"], item["origin"]) for item in listed] == [("plan", "yours", "plans/yours.yaml")]
    assert run("trash", "restore", "yours").code == 0
    assert (home.plans / "yours.yaml").read_text() == text


def test_what_is_built_in_stays(run: Run) -> None:
    for words in (("rm", "demo-baseline"), ("rename", "demo-baseline", "x")):
        answer = run("plan", *words)
        assert answer.code == 2
        assert "workbench plan clone demo-baseline NAME" in answer.err


def test_a_recipe_that_a_study_names_is_told(run: Run, home: Home) -> None:
    assert run("recipe", "clone", "demo", "short").code == 0
    home.studies.joinpath("s").mkdir(parents=True)
    (home.studies / "s/study.yaml").write_text("model: demo\nrecipe: short\nseeds: [1]\n")
    answer = run("recipe", "rm", "short")
    assert answer.code == 0
    assert "study s names it" in answer.err


def test_recipes_against_the_defaults_and_each_other(run: Run, home: Home) -> None:
    home.recipes.mkdir(parents=True)
    (home.recipes / "mine.yaml").write_text("data: demo\nlr: 0.1\nsteps: 5\n")
    assert "lr: 0.1  (default 0.0002)" in run("recipe", "show", "mine").out
    changed = {
        found["key"]: (found["old"], found["new"]) for found in run("recipe", "diff", "demo", "mine", "--json").json
    }
    assert changed["lr"] == (0.003, 0.1)
    assert "data" not in changed
    (home.recipes / "mine.yaml").write_text("data: demo\nlrr: 0.1\n")
    answer = run("recipe", "show", "mine")
    assert answer.code == 3
    assert "lrr" in answer.err


def test_a_study_goes_with_its_members(run: Run, home: Home) -> None:
    assert run("study", "new", "one", "--from", "only-one-group", "--model", "demo").code == 0
    (home.studies / "one/members.jsonl").write_text("kept\n")
    assert run("study", "rename", "one", "two").code == 0
    assert (home.studies / "two/members.jsonl").read_text() == "kept\n"
    assert run("study", "clone", "two", "three").code == 0
    assert not (home.studies / "three/members.jsonl").exists()
    assert run("study", "rm", "two").code == 0
    assert run("trash", "restore", "two").code == 0
    assert (home.studies / "two/members.jsonl").read_text() == "kept\n"


@pytest.mark.parametrize("done", range(4))
@pytest.mark.parametrize("line", ["name: one", 'name: "one" # of two', "? name\n: one"])
def test_a_renaming_that_is_cut_short_leaves_one_whole_study(
    run: Run, home: Home, monkeypatch: pytest.MonkeyPatch, done: int, line: str
) -> None:
    assert run("study", "new", "one", "--from", "only-one-group", "--model", "demo").code == 0
    file = home.studies / "one/study.yaml"
    file.write_text(re.sub("^name: .*", line, file.read_text(), flags=re.MULTILINE))
    (home.studies / "one/members.jsonl").write_text("kept\n")
    steps = iter([*[True] * done, *[False] * 3])

    def killed(act: Callable[..., Any]) -> Callable[..., Any]:
        def step(*words: Any, **more: Any) -> Any:
            if not next(steps):
                raise KeyboardInterrupt
            return act(*words, **more)

        return step

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr("workbench.atomic.write_text", killed(atomic.write_text))
        patch.setattr(Path, "rename", killed(Path.rename))
        rename_file(Kind.STUDY, file, home.studies / "two/study.yaml", "two")
    [name] = known_studies(home)
    assert name == ("one" if done < 2 else "two")
    assert load_study(name, home).name == name
    assert (home.studies / name / "members.jsonl").read_text() == "kept\n"


def test_tags_and_names_of_runs(run: Run, home: Home) -> None:
    finished_run(home, record(RUN), [LOSS])
    assert run("runs", "tag", RUN, "good", "late", "--json").json["tags"] == ["good", "late"]
    assert run("runs", "tag", RUN, "--remove", "good").out == f"{RUN}: #late\n"
    assert run("runs", "tag", RUN, "new", "--clear").out == f"{RUN}: #new\n"
    refused = run("runs", "tag", RUN, "two words")
    assert refused.code == 2
    assert run("runs", "tag", RUN).out == f"{RUN}: #new\n"
    assert [row["name"] for row in run("runs", "list", "--json").json] == ["base-run"]
    assert run("runs", "rename", RUN, "[red]mine[/]").code == 0
    assert [row["name"] for row in run("runs", "list", "--json").json] == ["[red]mine[/]"]
    assert run("runs", "show", "[red]mine[/]", "--json").json["run_id"] == RUN
    assert run("runs", "rename", RUN, "a\nb").code == 2


def test_a_run_is_put_away_and_its_results_come_back(run: Run, home: Home) -> None:
    finished_run(home, record(RUN), [LOSS])
    assert run("runs", "list", "--json").json[0]["eval"] == {"loss": 0.5}
    assert run("runs", "rm", RUN, "--trash").code == 0
    assert run("runs", "list", "--json").json == []
    assert run("trash", "restore", "base-run").code == 0
    assert run("runs", "list", "--json").json[0]["eval"] == {"loss": 0.5}


def test_two_runs_differ_in_what_they_were_made_from(run: Run, home: Home) -> None:
    finished_run(home, record(RUN, recipe=RECIPE), [LOSS])
    finished_run(home, record(OTHER, recipe={**RECIPE, "lr": 0.2}, seed=1), [LOSS])
    answer = run("runs", "diff", RUN, OTHER)
    assert "seed: 0 → 1" in answer.out
    assert "lr: 0.1 → 0.2" in answer.out
    assert run("runs", "diff", RUN, OTHER, "--json").json["recipe"] == {"lr": [0.1, 0.2]}


def test_plan_and_recipe_of_a_run_go_to_another_home(run: Run, desk: Desk, home: Home) -> None:
    finished_run(home, record(RUN, plan_file=_plan_file(), recipe={**RECIPE, "data": "demo"}), [LOSS])
    zipped = desk.folder / "run.zip"
    assert run("runs", "export", RUN, "--to", str(zipped)).code == 0
    assert run("runs", "export", RUN, "--to", str(zipped)).code == 2
    assert zipfile.ZipFile(zipped).namelist() == ["base.yaml", "short-recipe.yaml"]
    arrived = run("import", str(zipped), "--json").json
    assert [(one["kind"], one["name"]) for one in arrived] == [("plan", "base"), ("recipe", "short-recipe")]
    assert run("plan", "check", "base").code == 0
    assert run("recipe", "show", "short-recipe", "--json").json["lr"] == 0.1
    again = run("import", str(zipped))
    assert again.code == 2
    assert "exists" in again.err


@pytest.mark.parametrize(
    ("name", "text", "code", "said"),
    [
        ("x.yaml", "a: 1\n", 3, "neither a plan nor a recipe nor a study"),
        ("x.yaml", "a: [\n", 3, "not YAML"),
        ("x.zip", "no zip", 3, "not a zip file"),
        ("x.yaml", None, 4, "no such file"),
    ],
)
def test_files_that_cannot_come(run: Run, desk: Desk, name: str, text: str | None, code: int, said: str) -> None:
    if text is not None:
        (desk.folder / name).write_text(text)
    answer = run("import", name)
    assert answer.code == code
    assert said in answer.err


def test_two_files_of_one_name_in_a_zip_do_not_hide_each_other(run: Run, desk: Desk, home: Home) -> None:
    with zipfile.ZipFile(desk.folder / "x.zip", "w") as archive:
        for folder in ("a", "b"):
            archive.writestr(f"{folder}/mine.yaml", f"name: mine\nmodel: demo\nnotes: {folder}\n")
    answer = run("import", "x.zip")
    assert answer.code == 3
    assert "holds mine.yaml twice" in answer.err
    assert not (home.plans / "mine.yaml").exists()


@pytest.mark.parametrize(
    ("text", "words", "code", "said"),
    [
        ("name: typed\nmodel: demo\nrules: ['* all']\n", (), 0, "plan typed: "),
        ("name: typed\nmodel: demo\n", ("--name", "other"), 0, "plan other: "),
        ("data: demo\nlr: 0.1\n", (), 2, "the recipe has no name"),
        ("data: demo\nlr: 0.1\n", ("--name", "quick"), 0, "recipe quick: "),
        ("data: demo\n", ("--name", "../out"), 2, "no name of a recipe"),
        ("a: 1\n", (), 3, "the text: neither a plan nor a recipe nor a study"),
    ],
)
def test_a_text_comes_from_standard_input(
    run: Run, monkeypatch: pytest.MonkeyPatch, text: str, words: tuple[str, ...], code: int, said: str
) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO(text))
    answer = run("import", "-", *words)
    assert answer.code == code
    assert said in (answer.err if code else answer.out)


def test_a_text_replaces_no_file_unless_that_is_meant(run: Run, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.plans.mkdir(parents=True)
    (home.plans / "mine.yaml").write_text("model: demo\nnotes: kept\n")
    for more, code, left in (((), 2, "kept"), (("--force",), 0, "new")):
        monkeypatch.setattr(sys, "stdin", StringIO("name: mine\nmodel: demo\nnotes: new\n"))
        assert run("import", "-", *more).code == code
        assert left in (home.plans / "mine.yaml").read_text()
    assert run("import", "x.yaml", "--name", "y").code == 2


def test_the_trash_is_emptied_only_when_that_is_meant(run: Run, home: Home) -> None:
    assert run("trash", "empty", "--yes").out == "the trash is empty\n"
    run("plan", "clone", "demo-baseline", "mine")
    run("plan", "rm", "mine")
    asked = run("trash", "empty")
    assert asked.code == 2
    assert "--yes" in asked.err
    assert json.loads(run("trash", "list", "--json").out)
    assert run("trash", "empty", "mine", "--yes").code == 0
    assert run("trash", "list").out == "the trash is empty\n"


def test_the_sample_study_is_not_changed(run: Run, home: Home) -> None:
    finished_run(home, record(RUN), [LOSS])
    (home.path / MARK).write_text("sample\n")
    for words in (("runs", "tag", RUN, "x"), ("runs", "rm", RUN, "--trash"), ("plan", "clone", "demo-baseline", "x")):
        answer = run(*words)
        assert answer.code == 3
        assert "can be looked at, not changed" in answer.err
    assert home.run_dir(RUN).record.is_file()
    assert not home.plans.exists()
