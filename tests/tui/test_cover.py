"""What is painted before the first screen is read."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tui.pilot import screen_text
from tui.app import WorkbenchApp
from tui.plan.screen import PlanScreen
from tui.runs.screen import RunsScreen
from tui.welcome.cover import Cover
from workbench.run.layout import Home

_LATE = ("pydantic", "ruamel", "duckdb", "markdown_it", "typer", "tui.plan", "tui.runs", "workbench.plan", "torch")


class _Covered(WorkbenchApp):
    """As on a terminal."""

    seen: str = ""

    @property
    def covers_first(self) -> bool:
        return True

    async def _begin(self) -> None:
        self.seen = screen_text(self)
        assert isinstance(self.screen_stack[0], Cover)
        await super()._begin()


@pytest.mark.screens
def test_the_cover_is_painted_and_the_plan_follows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = _Covered(Home(Path("[b]home")))

    async def run() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            for _ in range(100):
                await pilot.pause(0.02)
                if isinstance(app.screen, PlanScreen) and "blocks" in screen_text(app):
                    break
            assert "reading the draft for demo" in app.seen
            assert "[b]home" in app.seen
            assert "╭" in app.seen
            assert "6 blocks" in screen_text(app)
            await pilot.press("2")
            assert isinstance(app.screen, RunsScreen)

    asyncio.run(run())


@pytest.mark.screens
def test_a_window_that_is_too_small_from_the_start_says_so(tmp_path: Path) -> None:
    app = _Covered(Home(tmp_path / "home"))

    async def run() -> None:
        async with app.run_test(size=(40, 10)) as pilot:
            for _ in range(100):
                await pilot.pause(0.02)
                if isinstance(app.screen_stack[0], PlanScreen) and "too small" in screen_text(app):
                    break
            assert "40x10" in screen_text(app)
            await pilot.resize_terminal(80, 24)
            await pilot.pause()
            await pilot.pause()
            assert "6 blocks" in screen_text(app)

    asyncio.run(run())


def test_the_cover_waits_for_nothing_that_it_does_not_need() -> None:
    code = f"import sys, tui.app; print([m for m in {_LATE!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
