"""Every screen in its states as text, at three sizes: as it is, without colours, without other glyphs than ASCII."""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.golden import FOLDER, compare, wanted
from tests.tui.golden_homes import HOMES, place_of
from tests.tui.golden_states import STATES, UNTIL, State
from tests.tui.pilot import NARROW, TINY, WIDE, at_once, screen_text, until
from tui.app import WorkbenchApp
from tui.compare.said import result_title
from tui.plan.devices import Device
from tui.shell.ascii import to_ascii

pytestmark = pytest.mark.screens

_SIZES = {"120x36": WIDE, "80x24": NARROW, "60x18": TINY}
_TITLES = {"2": "Runs", "3": "Compare", "4": "Library"}
_ASCII = "-ascii"
_STILL, _KEPT = 3, 60  # twentieths of a second without a change
_READING = re.compile(r"reading|looking at ")


@dataclass(frozen=True)
class _Clock:
    """Of a log: its times have as many digits at every hour, as the sizes of files are told."""

    began: float

    def time(self) -> float:
        return round(time.time()) + 0.25

    def monotonic(self) -> float:
        return round(time.monotonic() - self.began) + 10_000.25


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The homes, each made once."""
    found = tmp_path_factory.mktemp("goldens")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(found)
        patch.setattr("workbench.run.events.time", _Clock(time.monotonic()))
        for make in HOMES:
            make(place_of(make))
    return found


@pytest.fixture(autouse=True)
def place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the texts say of the machine is that of one machine; curves and groups are told at once.

    The pilot need not wait until the processor rests: the text on the screen is waited for.
    """
    monkeypatch.chdir(folder)
    monkeypatch.setattr("textual._wait.SLEEP_GRANULARITY", 0.005)
    monkeypatch.setattr("textual._wait.SLEEP_IDLE", 0.005)
    monkeypatch.setattr("tui.plan.view.this_cpu", lambda: Device("cpu", 16 * 10**9))
    monkeypatch.setattr("tui.runs.screen.DRAW_SECONDS", 0.05)
    monkeypatch.setattr("tui.runs.facts._BITE", 60.0)
    monkeypatch.setattr("tui.compare.query_runner.QueryRunner.seconds", 0.0)
    monkeypatch.setattr("tui.compare.answer_pane.result_title", partial(_titled, result_title))


def _titled(title: Callable[[int, int, bool, float], str], rows: int, shown: int, cut: bool, took: float) -> str:
    """However long the query took."""
    return title(rows, shown, cut, 0.012)


async def _sees(pilot: Pilot[Any], text: str) -> None:
    await until(pilot, lambda: text in screen_text(pilot.app))


async def _lead(pilot: Pilot[Any], state: State) -> None:
    """Presses the state's keys. A screen reads what it shows before other keys mean anything there."""
    first, *others = state.keys or ("",)
    if title := _TITLES.get(first):
        at_once(pilot, first)
        await until(pilot, lambda: screen_text(pilot.app).startswith(f" {title}"))
        await _still(pilot, state.hold is not None)
    for key in others if title else state.keys:
        if key.startswith(UNTIL):
            await _sees(pilot, key.removeprefix(UNTIL))
        else:
            at_once(pilot, key)


async def _still(pilot: Pilot[Any], is_held: bool, kept: str = "") -> str:
    """What stands on the screen once everything is read and nothing has changed on it for a while.

    What is `kept` of it is awaited for longer, and for no longer than until it has stood there twice.
    """
    text, same = "", 0
    await pilot.pause()
    while same < (_KEPT if kept else _STILL) and not (same and text == kept):
        await asyncio.sleep(0.05)
        before, text = text, screen_text(pilot.app)
        same = same + 1 if text == before and (is_held or not _READING.search(text)) else 0
    return text


def _check(name: str, patch: pytest.MonkeyPatch, ending: str = "") -> dict[str, str]:
    """Compares the state at every size, of one app, which is resized; its texts."""
    state, only_ascii = STATES[name], ending == _ASCII
    home = place_of(state.make)

    async def run(release: Callable[[], None]) -> dict[str, str]:
        found = {}
        app = WorkbenchApp(home, state.model, only_ascii)
        async with app.run_test(size=WIDE, notifications=False) as pilot:
            try:
                await pilot.pause()
                await _lead(pilot, state)
                await _sees(pilot, to_ascii(state.shows) if only_ascii else state.shows)
                for size, cells in _SIZES.items():
                    await pilot.resize_terminal(*cells)
                    kept = f"{name}-{size}{ending}"
                    found[kept] = await _still(pilot, state.hold is not None, wanted(kept))
            finally:
                release()
        return found

    for path in home.path.glob("drafts/*"):
        path.unlink()
    with state.held(patch) as release:
        drawn = asyncio.run(run(release))
    for kept, text in drawn.items():
        compare(kept, text)
    return drawn


@pytest.mark.parametrize("name", STATES)
def test_a_screen_looks_as_it_did(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _check(name, monkeypatch)


@pytest.mark.parametrize("name", STATES)
def test_it_looks_as_it_did_in_ascii(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(text.isascii() for text in _check(name, monkeypatch, _ASCII).values())


@pytest.mark.parametrize("name", STATES)
def test_without_colours_the_text_is_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    _check(name, monkeypatch)


def test_no_two_states_look_alike() -> None:
    """Where a wide screen hides nothing a drawer shows nothing new; and every text that is kept is of a state."""
    kept = {path.stem.rsplit("-", 1)[0] for path in FOLDER.glob("*0x??.txt") if "-ascii" not in path.stem}
    assert kept == set(STATES)
    seen = {tuple((FOLDER / f"{name}-{size}.txt").read_text(encoding="utf-8") for size in _SIZES) for name in STATES}
    assert len(seen) == len(STATES)
