"""The first minute: what an empty home says, the sample a key away, and the way back."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.pilot import NARROW, WIDE, drive, screen_text
from tui.app import WorkbenchApp
from tui.compare.screen import CompareScreen
from tui.welcome.lines import SampleLine, Welcome, is_new
from workbench.run.layout import Home
from workbench.sample.home import unpack
from workbench.sample.mark import is_sample

pytestmark = pytest.mark.screens


async def _shows(pilot: Pilot[Any], text: str) -> None:
    for _ in range(400):
        if text in screen_text(pilot.app):
            return
        await pilot.pause(0.05)
    raise AssertionError(f"{text!r} is not on the screen:\n{screen_text(pilot.app)}")


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_an_empty_home_says_what_to_do_first(tmp_path: Path, size: tuple[int, int]) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        text = screen_text(pilot.app)
        for words in ("Welcome.", "R then enter trains it here", "t opens a finished sample study", ">L16 <"):
            assert words in " ".join(text.split())
        await pilot.press("2", "1")
        assert len(pilot.app.screen.query(Welcome)) == 1

    drive(Home(tmp_path / "home"), steps, size)


def test_the_welcome_goes_when_something_was_done(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")

    async def steps(pilot: Pilot[Any]) -> None:
        assert pilot.app.screen.query(Welcome)
        home.plans.mkdir(parents=True)
        (home.plans / "mine.yaml").write_text("name: mine\n")
        await pilot.press("2", "1")
        assert not pilot.app.screen.query(Welcome)

    assert is_new(home)
    drive(home, steps)
    assert not is_new(home)


@pytest.mark.parametrize("keys", [("t",), ("2", "t"), ("3", "t")])
def test_a_key_opens_the_sample_from_every_screen_and_another_returns(tmp_path: Path, keys: tuple[str, ...]) -> None:
    own = Home(tmp_path / "home")

    async def steps(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, WorkbenchApp)
        for key in keys[:-1]:
            await pilot.press(key)
            await pilot.pause(0.3)
        await pilot.press(keys[-1])
        await _shows(pilot, "SAMPLE")
        assert is_sample(app.home)
        assert isinstance(app.screen, CompareScreen)
        for key in ("1", "2", "3", "2"):
            await pilot.press(key)
            await _shows(pilot, "SAMPLE study, read only · 0 goes back to your own home")
            assert len(app.screen.query(SampleLine)) == 1
            assert not app.screen.query(Welcome)
        await _shows(pilot, "same-discount")
        await pilot.press("0")
        await _shows(pilot, "Welcome.")
        assert app.home == own
        await pilot.press("2")
        await _shows(pilot, "No runs yet")
        assert "SAMPLE" not in screen_text(app)

    drive(own, steps)
    assert not own.runs.exists()


def test_the_sample_opens_with_a_comparison(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("t")
        await _shows(pilot, "from=mlp,discount=0.2")
        assert "SAMPLE" in screen_text(pilot.app)

    drive(Home(tmp_path / "home"), steps)


@pytest.mark.parametrize("key", ["R", "w"])
def test_nothing_is_launched_or_saved_in_the_sample(tmp_path: Path, key: str) -> None:
    sample = unpack(tmp_path / "s")

    async def steps(pilot: Pilot[Any]) -> None:
        assert "0 goes back" not in screen_text(pilot.app)  # it is the home that was asked for
        await pilot.press("0")
        assert "SAMPLE" in screen_text(pilot.app)
        await pilot.press(key, "enter")
        await pilot.pause()
        assert any("not changed" in toast.message for toast in pilot.app._notifications)
        assert len(pilot.app.screen_stack) == 1

    def kept() -> set[Path]:
        return {path for folder in (sample.runs, sample.plans, sample.queue) for path in folder.rglob("*")}

    before = kept()
    drive(sample, steps)
    assert kept() == before
