"""The app under test, and what stands on its screen as plain text."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from textual import events
from textual._context import visible_screen_stack
from textual.app import App
from textual.pilot import Pilot

from tui.app import WorkbenchApp
from workbench.run.layout import Home

WIDE, NARROW, TINY = (120, 36), (80, 24), (60, 18)
_NAMES = {
    " ": "space",
    "=": "equals_sign",
    "*": "asterisk",
    "/": "slash",
    "-": "minus",
    ",": "comma",
    "@": "at",
    ":": "colon",
    ">": "greater_than_sign",
    ".": "full_stop",
    "_": "underscore",
    "+": "plus",
    "?": "question_mark",
}
_CHARS = {name: char for char, name in _NAMES.items()}
Steps = Callable[[Pilot[Any]], Awaitable[None]]


def screen_text(app: App[Any]) -> str:
    """The lines of the screen without colours and without spaces at their ends."""
    visible_screen_stack.set(app._background_screens)  # what a dialog lets through
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


def drive(home: Home, steps: Steps, size: tuple[int, int] = WIDE, model: str = "") -> None:
    """Runs the app without a terminal and takes these steps."""

    async def run() -> None:
        async with WorkbenchApp(home, model).run_test(size=size) as pilot:
            await pilot.pause()
            await steps(pilot)

    asyncio.run(run())


def keys(text: str) -> list[str]:
    """The keys that write this text."""
    return [_NAMES.get(char, char) for char in text]


def at_once(pilot: Pilot[Any], *names: str) -> None:
    """Presses keys as a slow line sends them, together; `pilot.press` waits after each until the processor rests."""
    assert pilot.app._driver is not None
    for name in names:
        pilot.app._driver.send_message(events.Key(name, _CHARS.get(name, name if len(name) == 1 else None)))


async def until(pilot: Pilot[Any], holds: Callable[[], bool]) -> None:
    """Lets the app work until this holds; fails, with what stands on the screen, where it does not."""
    for _ in range(400):
        if holds():
            return
        await pilot.pause(0.05)
    raise AssertionError(screen_text(pilot.app))
