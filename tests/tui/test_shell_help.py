"""Jump labels, the guide, and screens whose text alone tells their state."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.pilot import NARROW, TINY, WIDE, drive, keys, screen_text, until
from tui.shell.guide import PAGES, Guide, page_text
from tui.shell.jump import Jump, _labels
from workbench.run.layout import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.mark.screens
def test_a_letter_goes_to_its_pane_and_escape_stays(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("3")
        await pilot.pause()
        panes = pilot.app.screen.focus_chain
        assert pilot.app.focused is panes[0]
        await pilot.press("f")
        await pilot.pause()
        text = screen_text(pilot.app)
        assert "[a]" in text
        assert "[s]" in text
        await pilot.press("s")
        await pilot.pause()
        assert pilot.app.focused is panes[1]
        await pilot.press("f")  # the editor has the focus now: this is text
        await pilot.pause()
        assert not isinstance(pilot.app.screen, Jump)
        await pilot.press("escape", "f", "escape")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, Jump)

    drive(home, steps)


@pytest.mark.screens
def test_no_labels_while_a_line_is_written(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("colon", "f")
        await pilot.pause()
        assert isinstance(pilot.app.focused, Input)
        assert pilot.app.focused.value.endswith("f")

    drive(home, steps)


def test_labels_are_told_apart_however_many() -> None:
    for count in (1, 22, 100):
        labels = list(_labels(count))[:count]
        assert len(set(labels)) == count
        assert not any("f" in label for label in labels)


@pytest.mark.parametrize("number", range(len(PAGES)))
def test_lines_that_are_not_wrapped_fit_into_the_smallest_window(number: int) -> None:
    """Keys stand in lines of their own: a table that is squeezed breaks them."""
    lines = page_text(number).splitlines()
    assert not any(line.startswith("|") for line in lines)
    assert max((len(line) - 4 for line in lines if line.startswith("    ")), default=0) <= TINY[0] - 10


@pytest.mark.screens
@pytest.mark.parametrize("size", [TINY, NARROW, WIDE])
def test_the_guide_is_turned_page_by_page(home: Home, size: tuple[int, int]) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("f1")
        await pilot.pause()
        for number in range(len(PAGES)):
            text = screen_text(pilot.app)
            assert f"page {number + 1} of 5" in text
            assert page_text(number).splitlines()[0].removeprefix("# ") in text
            await pilot.press("right")
            await pilot.pause()
        assert "page 5 of 5" in screen_text(pilot.app)
        await pilot.press("left")
        await pilot.pause()
        assert "page 4 of 5" in screen_text(pilot.app)
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, Guide)

    drive(home, steps, size)


@pytest.mark.screens
def test_text_alone_tells_cursor_choice_and_focus(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def steps(pilot: Pilot[Any]) -> None:
        seen = [screen_text(pilot.app)]
        for pressed in (["right"], ["v", "down"], ["backspace"], ["m"], ["b"], ["colon", *keys("0 q r=2")]):
            await pilot.press(*pressed)
            await pilot.pause()
            seen.append(screen_text(pilot.app))
        await pilot.press("escape", "3")
        await pilot.pause()
        for pressed in ("down", "tab"):
            await pilot.press(pressed)
            await pilot.pause()
            seen.append(screen_text(pilot.app))
        assert len(set(seen)) == len(seen)
        colours = {
            color.get_truecolor()
            for strip in pilot.app.screen._compositor.render_strips()
            for segment in strip
            if segment.style
            for color in (segment.style.color, segment.style.bgcolor)
            if color is not None
        }
        assert all(red == green == blue for red, green, blue in colours)

    drive(home, steps)


@pytest.mark.screens
def test_what_the_doctor_finds_is_found_from_the_screens_too(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.app.run_action("app.doctor")
        await until(pilot, lambda: " terminal " in screen_text(pilot.app))
        assert "could not be looked at" not in screen_text(pilot.app)
        await pilot.press("escape")

    drive(home, steps)
