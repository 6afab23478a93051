"""What is deleted while the screens show it: the draft stays, and what cannot be done says why."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.pilot import WIDE, drive, screen_text, until
from tests.tui.written_homes import FINISHED, written
from tests.unit.plan.support import write_llama
from tui.app import WorkbenchApp
from tui.plan.screen import PlanScreen
from tui.runs.run_dialog import RunDialog
from workbench.run.layout import Home

pytestmark = pytest.mark.screens


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "home")
    found.path.mkdir()
    return found


def _told(pilot: Pilot[Any]) -> str:
    return "\n".join(toast.message for toast in pilot.app._notifications)


def test_a_model_folder_that_vanishes_keeps_its_draft(home: Home, tmp_path: Path) -> None:
    model = write_llama(tmp_path / "model")

    async def run() -> None:
        async with WorkbenchApp(home, str(model)).run_test(size=WIDE) as pilot:
            await pilot.pause()
            screen = pilot.app.screen
            assert isinstance(screen, PlanScreen)
            await pilot.press("minus")
            text = screen.draft.text
            shutil.rmtree(model)
            await pilot.press("down", "minus", "R")
            await pilot.pause()
            assert text.splitlines()[-1] in screen.draft.text
            assert "4 blocks" in screen_text(pilot.app)
            await until(pilot, lambda: "✗" in screen_text(pilot.app) or "no such" in _told(pilot))
            await pilot.press("escape")
            await pilot.press("u", "u", "u")
            assert "r=4" not in screen.draft.text
            await pilot.press("4")
            await until(pilot, lambda: "Runs 0" in screen_text(pilot.app))

    asyncio.run(run())


def test_a_run_that_is_deleted_as_it_is_opened_says_so(home: Home) -> None:
    written(home)

    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2")
        await until(pilot, lambda: "whole-s0" in screen_text(pilot.app))
        await pilot.press("G")
        shutil.rmtree(home.run_dir(FINISHED).path)
        await pilot.app.push_screen(RunDialog(home, FINISHED))
        await until(pilot, lambda: "no run" in screen_text(pilot.app) or "cannot be read" in screen_text(pilot.app))
        await pilot.press("escape")
        await until(pilot, lambda: "whole-s0" not in screen_text(pilot.app))

    drive(home, steps)
