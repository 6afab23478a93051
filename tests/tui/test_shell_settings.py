"""`config.yaml` of the home: themes and keys, what is wrong with them, and windows that nothing fits into."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.color import Color
from textual.pilot import Pilot

from tests.tui.pilot import drive, screen_text
from tui.app import WorkbenchApp
from tui.plan.screen import PlanScreen
from tui.screens import import_screens
from tui.shell.keymap import Owned, known_bindings, usable
from tui.shell.settings import keep_theme, read_settings
from tui.shell.too_small import TooSmall
from workbench.run.layout import Home


def _all_bindings() -> list[Owned]:
    import_screens()
    return known_bindings()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.path.mkdir()
    return home


def _written(home: Home, text: str) -> Path:
    path = home.path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def _drive(home: Home, steps: Callable[[Pilot[Any]], Awaitable[None]]) -> None:
    async def run() -> None:
        async with WorkbenchApp(home).run_test(size=(100, 30), notifications=True) as pilot:
            await pilot.pause()
            await steps(pilot)

    asyncio.run(run())


def test_no_file_is_no_problem(home: Home) -> None:
    found = read_settings(home.path / "config.yaml")
    assert (found.theme, found.keymap, found.problems) == ("", {}, ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("theme: [", "config.yaml:"),
        ("- a", "not a mapping"),
        ("thema: nord", "did you mean 'theme'?"),
        ("theme: 3", "a name is expected"),
        ("keymap: [a]", "identifiers with keys are expected"),
        ("keymap: {plan.undo: {a: 1}}", "plan.undo: keys are expected"),
        ("keymap: {plan.undo: ''}", "plan.undo: keys are expected"),
    ],
)
def test_what_is_wrong_is_named(home: Home, text: str, said: str) -> None:
    found = read_settings(_written(home, text))
    assert len(found.problems) == 1
    assert said in found.problems[0]
    assert "config.yaml" in found.problems[0]


def test_keys_that_cannot_be_meant_are_left_out() -> None:
    asked = {"plan.undu": "z", "plan.paint": "r", "plan.undo": "z", "app.jump": "ctrl+g", "plan.rank": "left", "x": "1"}
    used, problems = usable(asked, _all_bindings())
    assert used == {"plan.undo": "z", "app.jump": "ctrl+g"}
    assert "'plan.undu' is no action: did you mean 'plan.undo'?" in problems
    assert "plan.paint: 'r' is plan.rank (Rank) already" in problems
    assert any(problem.startswith("plan.rank: 'left' is grid.left") for problem in problems)
    assert len(problems) == 4


def test_a_key_that_was_given_away_is_free() -> None:
    used, problems = usable({"plan.undo": "z", "plan.paint": "u"}, _all_bindings())
    assert problems == []
    assert used == {"plan.undo": "z", "plan.paint": "u"}


def test_keys_of_other_screens_and_dialogs_do_not_clash() -> None:
    assert usable({"runs.mark": "R,C", "stop.kill": "f"}, _all_bindings())[1] == [
        "runs.mark: 'R' is runs.retry (Retry) already"
    ]


def test_a_theme_is_kept_beside_comments(home: Home) -> None:
    path = _written(home, "# mine\nkeymap:\n  plan.undo: z  # as elsewhere\n")
    keep_theme(path, "nord")
    assert path.read_text() == "# mine\nkeymap:\n  plan.undo: z  # as elsewhere\ntheme: nord\n"
    path.write_text("a: [")
    with pytest.raises(ValueError, match="cannot be read"):
        keep_theme(path, "nord")
    assert path.read_text() == "a: ["


@pytest.mark.screens
def test_a_keymap_holds_and_one_toast_says_what_does_not(home: Home) -> None:
    _written(home, "keymap: {plan.undo: z, plan.undu: y}\ntheme: nordd\n")

    async def steps(pilot: Pilot[Any]) -> None:
        [told] = pilot.app._notifications
        assert "config.yaml: keymap: 'plan.undu' is no action: did you mean 'plan.undo'?" in told.message
        assert "theme: 'nordd': did you mean 'nord'?" in told.message
        await pilot.press("minus", "z")
        await pilot.pause()
        screen = pilot.app.screen
        assert isinstance(screen, PlanScreen)
        assert screen.draft.rules == ("* all",)
        await pilot.press("minus", "u")
        await pilot.pause()
        assert screen.draft.rules != ("* all",)

    _drive(home, steps)


@pytest.mark.screens
def test_a_theme_of_the_palette_is_there_the_next_time(home: Home) -> None:
    async def choose(pilot: Pilot[Any]) -> None:
        await pilot.press("f2", *"colour", "minus", *"blind", "minus", *"light")
        await pilot.pause(0.5)
        await pilot.press("enter", "enter")
        await pilot.pause(0.5)
        await pilot.pause()
        assert pilot.app.theme == "colour-blind-light"

    async def look(pilot: Pilot[Any]) -> None:
        assert pilot.app.theme == "colour-blind-light"

    _drive(home, choose)
    _drive(home, look)


@pytest.mark.screens
def test_a_window_that_is_too_small_says_so_until_it_has_grown(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.resize_terminal(20, 5)
        await pilot.pause()
        said = " ".join(screen_text(pilot.app).split())
        assert said == "the window is too small: 20x5, 60x18 needed"
        await pilot.press("minus", "2")
        await pilot.resize_terminal(59, 30)
        await pilot.pause()
        assert "59x30" in screen_text(pilot.app)
        await pilot.resize_terminal(60, 18)
        await pilot.pause()
        await pilot.pause()
        assert isinstance(pilot.app.screen, PlanScreen)
        assert pilot.app.screen.draft.rules == ("* all",)

    drive(home, steps)


@pytest.mark.screens
def test_it_may_begin_too_small(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        assert isinstance(pilot.app.screen, TooSmall)
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        await pilot.pause()
        assert isinstance(pilot.app.screen, PlanScreen)

    drive(home, steps, (20, 5))


@pytest.mark.screens
def test_a_toast_does_not_hide_that_the_window_is_too_small(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        pilot.app.notify("a toast that would fill the window", timeout=60)
        await pilot.pause(0.5)
        assert " ".join(screen_text(pilot.app).split()) == "the window is too small: 20x5, 60x18 needed"
        assert not pilot.app._notifications  # where its time would run out unseen
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert [told.message for told in pilot.app._notifications] == ["a toast that would fill the window"]
        await pilot.resize_terminal(20, 5)  # while it stands there
        await pilot.pause()
        assert not pilot.app._notifications
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert [told.message for told in pilot.app._notifications] == ["a toast that would fill the window"]

    drive(home, steps, (20, 5))


@pytest.mark.screens
def test_a_theme_holds_on_screens_made_before_and_after(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        def background() -> Color:
            return pilot.app.screen.background_colors[1]

        await pilot.press("2", "1")
        before = background()
        pilot.app.theme = "colour-blind-light"
        await pilot.pause()
        assert background() != before
        there = background()
        for key in ("2", "3", "4", "1"):
            await pilot.press(key)
            await pilot.pause()
            assert background() == there

    drive(home, steps)
