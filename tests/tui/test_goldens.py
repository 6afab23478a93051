"""Every screen in its states as text, at three sizes: as it is, without colours, without other glyphs than ASCII."""

import asyncio
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.golden import FOLDER, compare
from tests.tui.golden_homes import HOMES, place_of
from tests.tui.golden_states import STATES, UNTIL, State
from tests.tui.pilot import NARROW, TINY, WIDE, screen_text
from tui.app import WorkbenchApp
from tui.compare.said import result_title
from tui.plan.devices import Device
from tui.shell.ascii import to_ascii

pytestmark = pytest.mark.screens

_SIZES = {"120x36": WIDE, "80x24": NARROW, "60x18": TINY}
_STILL = 3  # twentieths of a second
_READING = re.compile(r"reading|looking at ")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The homes, each made once."""
    found = tmp_path_factory.mktemp("goldens")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(found)
        for make in HOMES:
            make(place_of(make))
    return found


@pytest.fixture(autouse=True)
def place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the texts say of the machine is that of one machine; curves and groups are told at once."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr("tui.plan.view.this_cpu", lambda: Device("cpu", 16 * 10**9))
    monkeypatch.setattr("tui.runs.screen.DRAW_SECONDS", 0.05)
    monkeypatch.setattr("tui.runs.facts._BITE", 60.0)
    monkeypatch.setattr("tui.compare.query_runner.QueryRunner.seconds", 0.0)
    monkeypatch.setattr("tui.compare.answer_pane.result_title", partial(_titled, result_title))


def _titled(title: Callable[[int, int, bool, float], str], rows: int, shown: int, cut: bool, took: float) -> str:
    """However long the query took."""
    return title(rows, shown, cut, 0.012)


async def _shown(pilot: Pilot[Any], text: str) -> None:
    for _ in range(200):
        if text in screen_text(pilot.app):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{text!r} never came:\n{screen_text(pilot.app)}")


async def _still(pilot: Pilot[Any], is_held: bool) -> str:
    """What stands on the screen once everything is read and nothing has changed on it for a while."""
    text, same = "", 0
    await pilot.pause()
    while same < _STILL:
        await asyncio.sleep(0.05)
        before, text = text, screen_text(pilot.app)
        same = same + 1 if text == before and (is_held or not _READING.search(text)) else 0
    return text


def _drawn(state: State, patch: pytest.MonkeyPatch, only_ascii: bool = False) -> dict[str, str]:
    """The state at every size: of one app, which is resized."""
    home = place_of(state.make)

    async def run(release: Callable[[], None]) -> dict[str, str]:
        found = {}
        app = WorkbenchApp(home, state.model, only_ascii)
        async with app.run_test(size=WIDE, notifications=False) as pilot:
            try:
                await pilot.pause()
                for key in state.keys:
                    if key.startswith(UNTIL):
                        await _shown(pilot, key.removeprefix(UNTIL))
                        continue
                    await pilot.press(key)
                    if key in "1234":  # a screen reads what it shows before other keys mean anything
                        await _still(pilot, state.hold is not None)
                await _shown(pilot, to_ascii(state.shows) if only_ascii else state.shows)
                for name, size in _SIZES.items():
                    await pilot.resize_terminal(*size)
                    found[name] = await _still(pilot, state.hold is not None)
            finally:
                release()
        return found

    for path in home.path.glob("drafts/*"):
        path.unlink()
    with state.held(patch) as release:
        return asyncio.run(run(release))


@pytest.mark.parametrize("name", STATES)
def test_a_screen_looks_as_it_did(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for size, text in _drawn(STATES[name], monkeypatch).items():
        compare(f"{name}-{size}", text)


@pytest.mark.parametrize("name", STATES)
def test_it_looks_as_it_did_in_ascii(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for size, text in _drawn(STATES[name], monkeypatch, only_ascii=True).items():
        assert text.isascii()
        compare(f"{name}-{size}-ascii", text)


@pytest.mark.parametrize("name", STATES)
def test_without_colours_the_text_is_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    for size, text in _drawn(STATES[name], monkeypatch).items():
        compare(f"{name}-{size}", text)


def test_no_two_states_look_alike() -> None:
    """Where a wide screen hides nothing a drawer shows nothing new; and every text that is kept is of a state."""
    kept = {path.stem.rsplit("-", 1)[0] for path in FOLDER.glob("*0x??.txt") if "-ascii" not in path.stem}
    assert kept == set(STATES)
    seen = {tuple((FOLDER / f"{name}-{size}.txt").read_text(encoding="utf-8") for size in _SIZES) for name in STATES}
    assert len(seen) == len(STATES)
