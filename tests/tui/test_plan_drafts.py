"""Drafts of the Plan screen and their files: what is opened, kept, noticed, and never written over."""

import os
from importlib.resources import files
from pathlib import Path
from shutil import copytree

import pytest

from tests.unit.plan.support import write_llama
from tui.left import note_left
from tui.plan.desk import Desk, open_left, open_model, open_plan
from tui.plan.opening import first
from workbench.errors import NotFoundError
from workbench.run.layout import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def desk(home: Home) -> Desk:
    return open_model(home, "demo")


def test_a_file_changed_outside_is_noticed_once_and_never_written_over(desk: Desk) -> None:
    desk.write()
    path = desk.draft.path
    assert desk.outside() is None
    theirs = path.read_text() + "# theirs\n"
    path.write_text(theirs)
    assert desk.outside() == theirs
    desk.keep(theirs)
    assert desk.outside() is None
    path.write_text(theirs + "# again\n")
    desk.reload(theirs + "# again\n")
    assert desk.draft.text.endswith("# again\n")
    assert desk.is_written
    desk.undo()
    assert "theirs" not in desk.draft.text


def test_a_file_changed_while_the_program_was_closed_is_noticed(desk: Desk, home: Home) -> None:
    desk.write()
    desk.add(["0 q off"])
    again = open_model(home, "demo")
    assert again.draft.rules == ("* all", "0 q off")
    assert again.outside() is None
    desk.draft.path.write_text("name: draft\nmodel: demo\nrules: ['* mlp']\n")
    assert open_model(home, "demo").outside() is not None


def test_a_plan_that_exists_is_opened_as_it_is(home: Home) -> None:
    home.plans.mkdir(parents=True)
    path = home.plans / "mine.yaml"
    path.write_text("name: mine\nmodel: demo\nrules: ['* mlp r=2']\n")
    opened = open_plan(home, path, None, "mine")
    assert opened.is_written
    assert opened.draft.rules == ("* mlp r=2",)
    (home.plans / "draft.yaml").write_text("name: draft\nmodel: demo\nrules: ['* attn']\n")
    assert open_model(home, "demo").draft.rules == ("* attn",)


def test_files_of_one_name_have_drafts_of_their_own(home: Home, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "p.yaml").write_text(f"name: p\nmodel: demo\nnotes: {folder}\nrules: ['* mlp']\n")
    first, second = (open_plan(home, tmp_path / folder / "p.yaml", None, "p") for folder in ("a", "b"))
    assert (first.draft.plan.notes, second.draft.plan.notes) == ("a", "b")


def test_a_name_that_is_taken_gets_a_number_and_nothing_is_written_over(home: Home) -> None:
    texts = [f"name: k\nmodel: demo\nrules: ['* mlp r={rank}']\n" for rank in (2, 4, 8)]
    home.plans.mkdir(parents=True)
    (home.plans / "k.yaml").write_text(texts[0])
    second, third = (open_plan(home, None, text, "k") for text in texts[1:])
    assert [desk.draft.path.stem for desk in (second, third)] == ["k-2", "k-3"]
    again = open_plan(home, None, texts[1], "k")
    assert (again.draft.path.stem, again.draft.text) == ("k-2", texts[1])
    again.undo()
    assert again.draft.text == texts[1]
    assert (home.plans / "k.yaml").read_text() == texts[0]


def test_a_plan_that_ships_is_opened_as_a_copy(home: Home) -> None:
    from workbench.plan.files import built_in_plans

    path = next(iter(sorted(built_in_plans().glob("*.yaml"))))
    opened = open_plan(home, path, None, path.stem)
    assert opened.draft.path.parent == home.plans
    assert opened.draft.text == path.read_text()


def test_an_invalid_draft_is_there_again_after_a_restart(desk: Desk, home: Home) -> None:
    desk.add(["* all method=qalora pool=5"])
    assert desk.draft.errors
    again = open_model(home, "demo")
    assert again.draft.text == desk.draft.text
    assert again.draft.errors


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_home_that_cannot_be_written_keeps_no_draft_and_says_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    desk = open_model(Home(tmp_path), "demo")
    desk.add(["0 q off"])
    assert "not kept" in desk.unkept


def test_a_home_in_the_place_of_a_file_keeps_no_draft_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    desk = open_model(Home(tmp_path / "home"), "demo")
    desk.add(["0 q off"])
    assert "not kept" in desk.unkept
    desk.undo()
    assert desk.draft.rules == ("* all",)


def test_a_draft_whose_model_is_gone_makes_place_for_the_demo(home: Home, tmp_path: Path) -> None:
    (home.path / "plans").mkdir(parents=True)
    (home.plans / "draft.yaml").write_text(f"name: draft\nmodel: {tmp_path / 'gone'}\nrules: ['* all']\n")
    for named in ("", "demo"):
        found = first(home, named)
        assert (found.desk.draft.plan.model, found.model, found.plan) == ("demo", "", None)
    found = first(home, str(tmp_path / "gone"))
    assert (found.desk.draft.plan.model, found.model) == ("demo", str(tmp_path / "gone"))
    with pytest.raises(NotFoundError):
        open_model(home, str(tmp_path / "gone"))


def test_the_program_begins_with_the_plan_that_was_left(home: Home, tmp_path: Path) -> None:
    mine = open_plan(home, None, "name: mine\nmodel: demo\nrules: ['* mlp r=2']\n", "mine")
    note_left(home, mine.draft.path)
    mine.add(["0 q r=4"])  # its file was never written
    assert first(home, "").desk.draft.rules == ("* mlp r=2", "0 q r=4")
    assert first(home, "demo").desk.draft.path.stem == "draft"
    elsewhere = tmp_path / "far" / "x.yaml"
    elsewhere.parent.mkdir()
    elsewhere.write_text("name: x\nmodel: demo\nrules: ['1 q']\n")
    note_left(home, elsewhere)
    assert first(home, "").desk.draft.rules == ("1 q",)
    elsewhere.unlink()
    assert first(home, "").desk.draft.rules == ("1 q",)  # the draft of a file that is gone is still one's own
    for journal in (home.path / "drafts").glob("x-*.jsonl"):
        journal.unlink()
    found = first(home, "")
    assert (found.desk.draft.path.stem, found.plan) == ("draft", elsewhere)  # a thread says that it is gone
    with pytest.raises(NotFoundError, match="gone"):
        open_left(home, elsewhere)
    elsewhere.write_text("name: x\nmodel: owner/name\nrules: ['1 q']\n")
    assert (first(home, "").desk.draft.path.stem, first(home, "").plan) == ("draft", elsewhere)
    (home.path / "drafts" / "left").write_bytes(b"\xff")
    assert first(home, "").plan is None


def test_a_model_too_small_for_the_usual_rank_begins_with_what_fits_all_its_layers(home: Home, tmp_path: Path) -> None:
    desk = open_model(home, str(write_llama(tmp_path / "tiny", blocks=2)))
    assert {planned.adapter.r for planned in desk.draft.plan.adapted if planned.adapter} == {8}
    assert desk.draft.errors == ()


def test_models_of_one_name_have_drafts_of_their_own(home: Home, tmp_path: Path) -> None:
    folders = [tmp_path / place / "tiny" for place in ("a", "b")]
    for folder in folders:
        copytree(str(files("workbench.demo") / "base"), folder)
    for folder in folders:
        desk = open_model(home, str(folder))
        assert desk.draft.plan.model == str(folder)
        desk.add(["0 q off"])
    assert [open_model(home, str(folder)).draft.rules for folder in folders] == [("* all", "0 q off")] * 2
