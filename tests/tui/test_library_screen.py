"""The Library screen by its keys, over files that the tests write; what the keys run are real commands."""

from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.message import Message
from textual.pilot import Pilot

from tests.store.helpers import finished_run, record
from tests.tui.pilot import NARROW, TINY, WIDE, drive, keys, screen_text, until
from tests.tui.written_homes import FINISHED, LIVE, LOSS, at_work, written
from tui.library.run_rows import RunReader, Runs
from tui.library.screen import LibraryScreen
from tui.library.tree import LibraryTree
from tui.opening import OpenPlan, OpenRuns
from workbench.library.tags import tags_of
from workbench.library.trash import items
from workbench.run.layout import Home

pytestmark = pytest.mark.screens
NASTY = "[red]a[/] \x1b[31m‮日本"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "home")
    found.path.mkdir()
    return found


async def _sees(pilot: Pilot[Any], text: str) -> None:
    await until(pilot, lambda: text in screen_text(pilot.app))


async def _told(pilot: Pilot[Any], text: str) -> None:
    """A toast with this text: the app under test draws none."""
    await until(pilot, lambda: any(text in told.message for told in pilot.app._notifications))


async def _open(pilot: Pilot[Any], filter_text: str = "") -> LibraryScreen:
    """Goes to the screen, and to the first entry that the filter finds."""
    await pilot.press("4")
    await _sees(pilot, "Runs ")
    screen = pilot.app.screen
    assert isinstance(screen, LibraryScreen)
    if filter_text:
        await pilot.press("slash", *keys(filter_text), "enter")
        await pilot.pause()
        screen.query_one(LibraryTree).cursor_line = 1
        await pilot.pause(0.1)
    return screen


def _heard(screen: LibraryScreen, monkeypatch: pytest.MonkeyPatch, kind: type[Message]) -> list[Any]:
    """What the screen posts of that kind, from now on."""
    found: list[Any] = []
    post = screen.post_message

    def note(message: Message) -> bool:
        if isinstance(message, kind):
            found.append(message)
            return True
        return post(message)

    monkeypatch.setattr(screen, "post_message", note)
    return found


def _write_plan(home: Home, name: str, text: str) -> Path:
    home.plans.mkdir(parents=True, exist_ok=True)
    path = home.plans / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_where_no_editor_can_be_opened_the_file_and_another_way_are_said(home: Home) -> None:
    """As in a browser. The app under test has no terminal to give away, either."""
    plan = _write_plan(home, "one", "name: one\nmodel: demo\n")
    home.recipes.mkdir(parents=True)
    recipe = home.recipes / "short.yaml"
    recipe.write_text("steps: 5\n")

    async def steps(pilot: Pilot[Any]) -> None:
        await _open(pilot, "one own")
        await pilot.press("e")
        await _told(pilot, f"{plan}: no editor can be opened from here")
        await _told(pilot, "enter opens the plan on the Plan screen")
        await pilot.press("escape")
        await _open(pilot, "short own")
        await pilot.press("enter")
        await _told(pilot, f"{recipe}: no editor can be opened from here")
        await _told(pilot, "take in another one with I")

    drive(home, steps)


def test_a_filter_that_nothing_fits_says_so_and_how_to_leave_it(home: Home) -> None:
    written(home)

    async def steps(pilot: Pilot[Any]) -> None:
        await _open(pilot, "quarter-mlp")
        await _sees(pilot, "rank: 2, 8")
        await pilot.press("slash", *keys("-no"))
        await _sees(pilot, "Nothing here has 'quarter-mlp-no'.")
        assert "esc shows all, / changes the filter." in screen_text(pilot.app)
        assert "rank: 2, 8" not in screen_text(pilot.app)
        await pilot.press("backspace", "backspace", "backspace", "enter")
        await _sees(pilot, "rank: 2, 8")
        await pilot.press("slash", *keys("-no"), "enter", "escape")
        await _sees(pilot, "Runs 3")
        await until(pilot, lambda: "Nothing here has" not in screen_text(pilot.app))

    drive(home, steps)


def test_an_empty_home_shows_templates_and_what_to_do(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        screen = await _open(pilot)
        await _sees(pilot, "Nothing here yet")
        assert "plan all-linear-r16" in screen_text(pilot.app)
        heard = _heard(screen, monkeypatch, OpenPlan)
        await _open(pilot, "all-linear")
        await _sees(pilot, "enter opens it as a draft")
        await pilot.press("enter")
        await pilot.pause()
        assert (heard[0].path, heard[0].name) == (None, "all-linear-r16")
        assert '"* all"' in heard[0].text
        assert not home.plans.exists()

    drive(home, steps)


def test_a_plan_is_cloned_put_away_and_taken_back(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        screen = await _open(pilot, "quarter-mlp")
        await _sees(pilot, "rank: 2, 8")
        await pilot.press("c")
        await _sees(pilot, "the name of the copy")
        await pilot.press("enter")
        copy = home.plans / "demo-quarter-mlp-copy.yaml"
        await until(pilot, lambda: screen.current is not None and screen.current.path == copy)
        heard = _heard(screen, monkeypatch, OpenPlan)
        await pilot.press("enter")
        await pilot.pause()
        assert (heard[0].path, heard[0].text) == (copy, None)
        await pilot.press("D")
        await _told(pilot, "u takes it back")
        assert not copy.exists()
        assert [item.name for item in items(home)] == ["demo-quarter-mlp-copy"]
        await pilot.press("u")
        await until(pilot, lambda: copy.exists() and not items(home))

    drive(home, steps)


def test_a_name_that_is_taken_is_said_in_the_line(home: Home) -> None:
    _write_plan(home, "one", "name: one\nmodel: demo\n")
    _write_plan(home, "two", "name: two\nmodel: demo\n")

    async def steps(pilot: Pilot[Any]) -> None:
        await _open(pilot, "two own")
        await pilot.press("r", *["backspace"] * 3, *keys("one"), "enter")
        await _sees(pilot, "exists")
        await pilot.press("escape")
        assert sorted(path.stem for path in home.plans.iterdir()) == ["one", "two"]

    drive(home, steps)


def test_two_plans_are_marked_and_compared(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await _open(pilot, "demo-quarter")
        await pilot.press("space", "down", "space")
        await pilot.pause()
        text = screen_text(pilot.app)
        assert "1 " in text
        await pilot.press("d")
        await _sees(pilot, "demo-quarter-all → demo-quarter-mlp")
        await _sees(pilot, "r 2 → 8")
        await pilot.press("Y")
        await pilot.pause()
        assert pilot.app.clipboard.endswith("plan diff demo-quarter-all demo-quarter-mlp")

    drive(home, steps)


def test_a_page_stays_until_the_cursor_leaves_its_entry_or_escape_leaves_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists are read over and over, and a preview that was still to come is of the entry, not of the page."""
    monkeypatch.setattr("tui.library.screen.READ_SECONDS", 0.1)
    monkeypatch.setattr("tui.library.screen.LOOK_SECONDS", 0.4)
    read: list[RunReader] = []
    whole = RunReader.read

    def counted(reader: RunReader) -> Runs:
        read.append(reader)
        return whole(reader)

    monkeypatch.setattr(RunReader, "read", counted)

    async def steps(pilot: Pilot[Any]) -> None:
        await _open(pilot, "demo-quarter")
        title = "demo-quarter-all → demo-quarter-mlp"
        await pilot.press("space", "down", "space", "d")
        await _sees(pilot, title)
        read.clear()
        await until(pilot, lambda: len(read) > 5)
        assert title in screen_text(pilot.app)
        await pilot.press("Y")
        assert "plan diff" in pilot.app.clipboard
        await pilot.press("escape")
        await until(pilot, lambda: title not in screen_text(pilot.app))
        await pilot.press("Y")
        assert pilot.app.clipboard.endswith("plan show demo-quarter-mlp")
        await pilot.press("d")
        await _sees(pilot, title)
        await pilot.press("up")
        await until(pilot, lambda: title not in screen_text(pilot.app))

    drive(home, steps)


def test_tags_of_a_run_are_set_and_found(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    written(home)

    async def steps(pilot: Pilot[Any]) -> None:
        screen = await _open(pilot, "whole-s0")
        await _sees(pilot, "finished, attempt 1")
        await pilot.press("T", *keys("good late"), "enter")
        await until(pilot, lambda: tags_of(home.run_dir(FINISHED)) == ("good", "late"))
        await _sees(pilot, "#good #late")
        heard = _heard(screen, monkeypatch, OpenRuns)
        await pilot.press("enter")
        await pilot.pause()
        assert heard[0].run_ids == (FINISHED,)

    drive(home, steps)


def test_a_live_run_is_not_put_away(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await _open(pilot, "live-s0")
        await pilot.press("D")
        await _told(pilot, "is running")
        assert home.run_dir(LIVE).record.is_file()

    with at_work(home):
        drive(home, steps)


def test_a_study_is_made_of_a_template_and_says_that_it_has_no_runs(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        screen = await _open(pilot, "only-one-group")
        await pilot.press("enter")
        await _sees(pilot, "the model, and its recipe")
        await pilot.press("enter")
        await until(pilot, (home.studies / "only-one-group/study.yaml").is_file)
        await until(pilot, lambda: screen.current is not None and screen.current.kind == "study")
        await _sees(pilot, "R puts them into the queue")
        await pilot.press("w")
        await _told(pilot, "no runs yet")

    drive(home, steps)


@pytest.mark.parametrize("size", [WIDE, NARROW, TINY])
def test_what_is_broken_and_what_is_written_oddly_stands_at_every_size(home: Home, size: tuple[int, int]) -> None:
    _write_plan(home, "broken", "model: demo\nrules: ['uper all']\n")
    _write_plan(home, "[red]odd", "model: demo\n")
    finished_run(home, record(FINISHED, name=NASTY), [LOSS])

    async def steps(pilot: Pilot[Any]) -> None:
        await _open(pilot, "broken")
        await pilot.press("i")
        await _sees(pilot, "did you mean")
        await pilot.press("escape", "escape")
        await pilot.pause()
        lines = screen_text(pilot.app).splitlines()
        assert len(lines) == size[1]
        assert "[red]odd" in "\n".join(lines)
        await pilot.press("slash", *keys("odd"), "enter", "down")
        await until(pilot, lambda: "[red]odd" in screen_text(pilot.app))

    drive(home, steps, size)


def test_a_file_that_goes_leaves_the_tree(home: Home) -> None:
    path = _write_plan(home, "mine", "model: demo\n")

    async def steps(pilot: Pilot[Any]) -> None:
        screen = await _open(pilot, "mine")
        path.unlink()
        screen._reader.read()
        await until(pilot, lambda: screen.current is None or screen.current.name != "mine")

    drive(home, steps)


def test_a_file_is_taken_in_by_its_path(home: Home, tmp_path: Path) -> None:
    source = tmp_path / "new.yaml"
    source.write_text("model: demo\nrules: ['* all']\n")

    async def steps(pilot: Pilot[Any]) -> None:
        screen = await _open(pilot)
        await pilot.press("I")
        await _sees(pilot, "a plan, recipe or study file")
        screen.query_one("#ask").value = str(source)  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, (home.plans / "new.yaml").is_file)

    drive(home, steps)


def test_a_text_that_is_pasted_is_taken_in_under_a_name(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await _open(pilot)
        await pilot.press("I")
        pilot.app.screen.query_one("#ask").post_message(events.Paste("name: typed\nmodel: demo\nrules: ['* all']\n"))
        await _sees(pilot, "3 lines were pasted")
        await pilot.press(*keys("mine"), "enter")
        await until(pilot, (home.plans / "mine.yaml").is_file)
        assert "name: mine" in (home.plans / "mine.yaml").read_text()

    drive(home, steps)


def test_every_binding_has_what_the_help_and_the_keymap_need() -> None:
    bindings: list[Any] = [*LibraryScreen.BINDINGS, *LibraryTree.BINDINGS]
    assert all(binding.id and binding.tooltip for binding in bindings)
    assert len({binding.id for binding in bindings}) == len(bindings)
    assert sum(binding.show for binding in bindings) <= 6
