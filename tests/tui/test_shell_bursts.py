"""Keys that come all at once, as from a slow line or a script, go where they would have gone one by one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.pilot import drive, keys, screen_text
from tests.tui.written_homes import written
from workbench.run.layout import Home

pytestmark = pytest.mark.screens


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "home")
    found.path.mkdir()
    written(found)
    return found


def _at_once(pilot: Pilot[Any], *typed: str | events.Paste) -> None:
    """Letters of a text, a key by its name, or what is pasted; none of them waits for the one before."""
    assert pilot.app._driver is not None
    for part in typed:
        if isinstance(part, events.Paste):
            pilot.app._driver.send_message(part)
            continue
        for char in [part] if part in ("enter", "escape") else list(part):
            pilot.app._driver.send_message(events.Key(*((char, None) if len(char) > 1 else (*keys(char), char))))


async def _until(pilot: Pilot[Any], holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        await pilot.pause(0.05)
    raise AssertionError(screen_text(pilot.app))


def _rows(pilot: Pilot[Any]) -> list[str]:
    return [line for line in screen_text(pilot.app).splitlines() if " nf4 " in line]


def test_a_rule_is_written_and_entered_and_the_map_has_the_keys_again(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        _at_once(pilot, ":0-1 q,v r=8", "enter", "u:2 k r=4", "enter", "jl")
        await _until(pilot, lambda: _rows(pilot)[1].split()[3:7] == ["L16", ">L16", "<", "L16"])
        assert _rows(pilot)[0].split()[3:6] == ["L16", "L16", "L16"]  # taken back by u
        assert _rows(pilot)[2].split()[3:6] == ["L16", "L4", "L16"]

    drive(home, steps)


def test_a_rank_is_given_to_an_area(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        _at_once(pilot, "vjlr8", "enter", "j")
        await _until(pilot, lambda: ">" in _rows(pilot)[2])
        assert [row.count("L8") for row in _rows(pilot)[:3]] == [2, 2, 0]

    drive(home, steps)


def test_a_screen_is_opened_and_its_filter_written(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        _at_once(pilot, "2/status:failed", "enter")
        await _until(pilot, lambda: "1 shown by status:failed" in screen_text(pilot.app))
        _at_once(pilot, "escape", "4/quarter-mlp", "enter")
        await _until(pilot, lambda: "1 shown by quarter-mlp" in screen_text(pilot.app))
        assert not pilot.app.screen.query_one("#ask", Input).has_focus

    drive(home, steps)


def test_what_is_pasted_stays_between_the_keys_around_it(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        _at_once(pilot, ":* ", events.Paste("q,v r"), "=2", "enter")
        await _until(pilot, lambda: screen_text(pilot.app).count("L2 ") == 12)

    drive(home, steps)


def test_a_dialog_that_opens_is_left_again(home: Home) -> None:
    """One that reads something before it opens, as `D` does, is not there yet for the keys of a burst."""

    async def steps(pilot: Pilot[Any]) -> None:
        _at_once(pilot, "v?", "escape", "j+")
        await _until(pilot, lambda: screen_text(pilot.app).count("L32") == 2)  # escape did not let go of the area

    drive(home, steps)


def test_keys_go_on_where_a_pane_is_gone_that_a_key_was_sent_to(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.app.screen.mount(gone := Input())
        gone.focus()
        await pilot.pause()
        _at_once(pilot, "ab")
        await gone.remove()
        _at_once(pilot, "+")
        await _until(pilot, lambda: "L32" in screen_text(pilot.app))

    drive(home, steps)
