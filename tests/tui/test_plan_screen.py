"""The Plan screen by its keys: what they do to the plan, and what stands on the screen."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.cli.command import COMMAND
from tests.tui.pilot import NARROW, WIDE, drive, keys, screen_text
from tui.plan.screen import PlanScreen
from workbench.plan.files import load_plan
from workbench.run.layout import Home
from workbench.run.liveness import status_of
from workbench.run.record import read_record


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def _plan(pilot: Pilot[Any]) -> PlanScreen:
    screen = pilot.app.screen
    assert isinstance(screen, PlanScreen)
    return screen


def test_an_area_is_cut_by_one_key_and_taken_back_by_another(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("v", "down", "right", "right", "minus", "minus")
        await pilot.pause()
        assert _plan(pilot).draft.rules == ("* all", "lower q,k,v r/=4")
        assert "[ L4 ][ L4 ]> L4 < L16" in screen_text(pilot.app)
        await pilot.press("u", "u", "U")
        await pilot.pause()
        assert _plan(pilot).draft.rules == ("* all", "lower q,k,v r/=2")

    drive(home, steps)


def test_edits_outlive_the_program_and_go_to_a_file_when_asked(home: Home) -> None:
    async def edit(pilot: Pilot[Any]) -> None:
        await pilot.press("V", "backspace")
        await pilot.pause()

    async def look(pilot: Pilot[Any]) -> None:
        assert _plan(pilot).draft.rules == ("* all", "0 all off")
        await pilot.press("w")
        await pilot.pause()

    drive(home, edit)
    drive(home, look)
    plan = load_plan("draft", home)
    assert [p.site.block for p in plan.sites if p.adapter is None] == [0] * 7


def test_a_rule_shows_what_it_would_set_and_what_is_wrong_with_it(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("colon", *keys("uper mlp"))
        await pilot.pause()
        assert "did you mean 'upper'" in screen_text(pilot.app)
        await pilot.press("enter")
        assert _plan(pilot).draft.rules == ("* all",)
        await pilot.press("home", "right", "p")
        await pilot.pause()
        assert "6 sites" in screen_text(pilot.app)
        await pilot.press("end", *keys(" r=4"), "enter")
        await pilot.pause()
        assert _plan(pilot).draft.rules == ("* all", "upper mlp r=4")
        await pilot.press("down")
        assert pilot.app.focused is not None

    drive(home, steps)


def test_a_value_that_does_not_fit_is_an_error_beside_the_map(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("a", "colon", *keys("* all method=qalora pool=5"), "enter")
        await pilot.pause()
        text = screen_text(pilot.app)
        assert any("demo, 6 blocks" in line and "errors" in line for line in text.splitlines())
        assert "pool" in text
        await pilot.press("u")
        await pilot.pause()
        assert "✓ valid" in screen_text(pilot.app)

    drive(home, steps)


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_the_map_stands_at_every_size(home: Home, size: tuple[int, int]) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        lines = screen_text(pilot.app).splitlines()
        assert len(lines) == size[1]
        assert all(len(line) <= size[0] for line in lines)
        assert any("gate" in line for line in lines)
        assert ("✓ valid" in "\n".join(lines)) == (size == WIDE)
        await pilot.press("i")
        await pilot.pause()
        assert "blocksize" in screen_text(pilot.app)

    drive(home, steps, size)


@pytest.mark.slow
def test_runs_are_launched_by_the_command_that_the_dialog_shows(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("R")
        await pilot.pause()
        assert "--seed 1 --seed 2 --seed 3 --detach" in screen_text(pilot.app).replace("\n", "")
        await pilot.press("end", *["backspace"] * 5, *keys("x"))
        await pilot.pause()
        assert "are no seeds" in screen_text(pilot.app)
        await pilot.press("backspace", *keys("7"), "enter")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()

    drive(home, steps)
    [run_dir] = home.run_dirs()
    assert read_record(run_dir.record).seed == 7
    assert status_of(run_dir).is_live
    stop = [*COMMAND, "--home", str(home.path), "runs", "stop", "--all", "--kill", "--wait"]
    assert subprocess.run(stop, capture_output=True, check=False).returncode == 0


def test_a_plan_with_errors_is_not_run(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("colon", *keys("* all method=qalora pool=5"), "enter", "R")
        await pilot.pause()
        assert isinstance(pilot.app.screen, PlanScreen)

    drive(home, steps)


def test_a_terminal_that_becomes_narrow_names_the_key_of_the_inspector(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        assert "i Inspect" not in screen_text(pilot.app)
        await pilot.resize_terminal(*NARROW)
        await pilot.pause()
        assert "i Inspect" in screen_text(pilot.app)

    drive(home, steps)
