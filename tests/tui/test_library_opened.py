"""What enter opens of a recipe, and what is told of a study's claims by a process of its own."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.pilot import drive, keys, screen_text, until
from tui.library.tree import LibraryTree
from tui.library.verdicts import Verdicts
from workbench.errors import LockedError, NotFoundError
from workbench.run.layout import Home
from workbench.sample.home import sample_home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "home")
    found.path.mkdir()
    return found


@pytest.mark.screens
def test_enter_on_a_recipe_opens_it_or_asks_for_the_name_of_a_copy(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    monkeypatch.setattr("tui.library.wishes.edit_file", lambda app, path, instead: opened.append(path))
    copy = home.recipes / "mine.yaml"

    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("4")
        await until(pilot, lambda: "Runs 0" in screen_text(pilot.app))
        await pilot.press("slash", *keys("built-in demo"), "enter")
        await until(pilot, lambda: "Recipes 1" in screen_text(pilot.app))
        tree = pilot.app.screen.query_one(LibraryTree)
        while tree.current is None or tree.current.kind != "recipe":
            await pilot.press("down")
        await pilot.press("enter", *["backspace"] * len("demo-copy"), *keys("mine"), "enter")
        await until(pilot, copy.is_file)
        await until(pilot, lambda: tree.current is not None and tree.current.path == copy)
        assert not opened
        await pilot.press("enter")
        assert opened == [copy]

    drive(home, steps)


def _ending(monkeypatch: pytest.MonkeyPatch, code: int, err: str) -> None:
    """The program ends with this code and these last words."""
    program = ("sh", "-c", f"printf %s {err!r} >&2; exit {code}")
    monkeypatch.setattr("tui.library.verdicts.PROGRAM", program)


@pytest.mark.slow
def test_verdicts_are_those_of_the_report() -> None:
    [part] = Verdicts(sample_home()).parts("same-discount")
    assert part.lines[0].startswith("not separated (about 19 seeds would be needed): At the same discount")
    assert "n = 3 seeds" in part.lines[1]


def test_what_keeps_verdicts_from_being_told_is_said(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    _ending(monkeypatch, LockedError.exit_code, "error: the store is in use by pid 812")
    [part] = Verdicts(home).parts("any")
    assert part.lines == ("cannot be told:", "the store is in use by pid 812")
    _ending(monkeypatch, NotFoundError.exit_code, "error: no finished runs")
    assert Verdicts(home).parts("any") == ()


def test_leaving_ends_the_process(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.library.verdicts.PROGRAM", ("sleep", "60"))
    started: list[subprocess.Popen[str]] = []
    popen = subprocess.Popen

    def seen(*words: Any, **more: Any) -> Any:
        started.append(popen(["sleep", "60"], **more))
        verdicts.end()  # while it is at work
        return started[0]

    verdicts = Verdicts(home)
    monkeypatch.setattr("tui.library.verdicts.subprocess.Popen", seen)
    verdicts.parts("any")
    assert started[0].returncode == -9
