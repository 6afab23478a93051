"""What tests of the Compare screen do on it."""

from typing import Any

from textual.pilot import Pilot
from textual.widgets import Static

from tests.tui.pilot import WIDE, Steps, drive, screen_text
from tui.compare.editor import SqlEditor
from tui.compare.screen import CompareScreen
from workbench.run.layout import Home


def compare_screen(pilot: Pilot[Any]) -> CompareScreen:
    found = next(one for one in pilot.app.screen_stack if isinstance(one, CompareScreen))
    return found


async def settled(pilot: Pilot[Any]) -> str:
    """Waits for the threads and what they posted."""
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    return screen_text(pilot.app)


def go(home: Home, steps: Steps, size: tuple[int, int] = WIDE) -> None:
    async def opened(pilot: Pilot[Any]) -> None:
        await pilot.press("3")
        await settled(pilot)
        await steps(pilot)

    drive(home, opened, size)


async def run_sql(pilot: Pilot[Any], sql: str) -> str:
    compare_screen(pilot).query_one(SqlEditor).put(sql)
    await pilot.press("f5")
    return await settled(pilot)


def says(pilot: Pilot[Any]) -> str:
    return str(compare_screen(pilot).query_one("#says", Static).render())
