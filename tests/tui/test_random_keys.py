"""Keys in any order on every screen: nothing raises, and no draft is lost."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.tui.pilot import NARROW, TINY, WIDE
from tests.tui.written_homes import written
from tui.app import WorkbenchApp
from tui.plan.journal import Journal
from workbench.run.layout import Home

pytestmark = pytest.mark.screens

COUNT = 200
# What launches runs, leaves the program or opens another is not pressed: R, q, e. Enter in a dialog that asks is.
_COMMON = (
    *("up", "down", "left", "right", "h", "j", "k", "l", "g", "G", "pageup", "pagedown", "tab", "escape", "space"),
    *(
        "f",
        "z",
        "slash",
        "question_mark",
        "f1",
        "y",
        "Y",
        "i",
        "backspace",
        "[",
        "]",
        "n",
        "o",
        "a",
        "1",
        "2",
        "t",
        "0",
    ),
)
_OF = {
    "1": (
        "v",
        "V",
        "c",
        "asterisk",
        "plus",
        "minus",
        "m",
        "b",
        "u",
        "U",
        "C",
        "Z",
        "d",
        "p",
        "full_stop",
        "colon",
        "r",
    ),
    "2": ("m", "M", "L", "s", "t", "p", "v", "W", "x", "c", "w"),
    "3": ("f5", "s", "p", "v", "L", "H", "enter", "ctrl+j"),
    "4": ("d", "c", "r", "T", "u", "D", "enter"),
}


@pytest.mark.parametrize("screen", _OF)
def test_no_order_of_keys_breaks_a_screen(tmp_path: Path, screen: str) -> None:
    home = Home(tmp_path / ".workbench")
    home.path.mkdir()
    written(home)
    chance = random.Random(int(screen))

    async def run() -> None:
        app = WorkbenchApp(home)
        async with app.run_test(size=(WIDE, NARROW, TINY)[int(screen) % 3]) as pilot:
            await pilot.pause()
            await pilot.press(screen)
            for _ in range(COUNT):
                await pilot.press(chance.choice((*_COMMON, *_OF[screen])))
            await pilot.pause()
            assert app.is_running

    asyncio.run(run())
    assert all(Journal.read(path).text for path in (home.path / "drafts").glob("*.jsonl") if path.name != "sql.jsonl")
