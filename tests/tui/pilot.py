"""The app under test, and what stands on its screen as plain text."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from tui.app import WorkbenchApp
from workbench.run.layout import Home

WIDE, NARROW, TINY = (120, 36), (80, 24), (60, 18)
Steps = Callable[[Pilot[Any]], Awaitable[None]]


def screen_text(app: App[Any]) -> str:
    """The lines of the screen without colours and without spaces at their ends."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


def drive(home: Home, steps: Steps, size: tuple[int, int] = WIDE) -> None:
    """Runs the app without a terminal and takes these steps."""

    async def run() -> None:
        async with WorkbenchApp(home).run_test(size=size) as pilot:
            await pilot.pause()
            await steps(pilot)

    asyncio.run(run())


def keys(text: str) -> list[str]:
    """The keys that write this text."""
    names = {" ": "space", "=": "equals_sign", "*": "asterisk", "/": "slash", "-": "minus", ",": "comma", "@": "at"}
    names |= {
        ":": "colon",
        ">": "greater_than_sign",
        ".": "full_stop",
        "_": "underscore",
        "+": "plus",
        "?": "question_mark",
    }
    return [names.get(char, char) for char in text]


async def until(pilot: Pilot[Any], holds: Callable[[], bool]) -> None:
    """Lets the app work until this holds; fails, with what stands on the screen, where it does not."""
    for _ in range(400):
        if holds():
            return
        await pilot.pause(0.05)
    raise AssertionError(screen_text(pilot.app))
