"""Every screen in its states as text, at three sizes, with and without other glyphs than ASCII."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.store.lens_home import fill
from tests.tui.golden import compare
from tests.tui.pilot import NARROW, TINY, WIDE, keys, screen_text
from tests.tui.written_homes import written
from tui.app import WorkbenchApp
from tui.plan.devices import Device
from workbench.run.layout import Home

pytestmark = pytest.mark.screens

_SIZES = {"120x36": WIDE, "80x24": NARROW, "60x18": TINY}
_STILL = 4  # tenths of a second
_TAKEN = re.compile(r"\d+(?:\.\d+)?(?= m?s\b)")  # how long a query took


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Plan screen says how much memory there is; the kept texts are those of one machine."""
    monkeypatch.setattr("tui.plan.view.this_cpu", lambda: Device("cpu", 16 * 10**9))


def _empty(home: Home) -> None:
    home.path.mkdir(parents=True)


def _runs(home: Home) -> None:
    _empty(home)
    written(home)


def _study(home: Home) -> None:
    _empty(home)
    fill(home)


@dataclass(frozen=True)
class State:
    """A home, and the keys that lead to the state from the first screen."""

    make: Callable[[Home], None]
    keys: tuple[str, ...]


STATES = {
    "plan": State(_runs, ()),
    "plan-area": State(_runs, ("v", "down", "right", "minus")),
    "plan-rule": State(_runs, ("colon", *keys("mlp r=8"))),
    "plan-rule-error": State(_runs, ("colon", *keys("mpl r=8"))),
    "plan-first": State(_empty, ()),
    "runs-empty": State(_empty, ("2",)),
    "runs": State(_runs, ("2",)),
    "runs-marked": State(_runs, ("2", "G", "p", "g", "space")),
    "runs-answers": State(_runs, ("2", "G", "v")),
    "runs-stop": State(_runs, ("2", "x")),
    "compare-empty": State(_empty, ("3",)),
    "compare": State(_study, ("3",)),
    "compare-lens": State(_study, ("3", "down", "enter")),
    "library": State(_runs, ("4", "end")),
    "library-empty": State(_empty, ("4", "end")),
    "guide": State(_empty, ("f1",)),
    "keys": State(_runs, ("question_mark",)),
}


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[Callable[[Home], None], Home]:
    made = {}
    for make in (_empty, _runs, _study):
        made[make] = Home(tmp_path_factory.mktemp("goldens") / ".workbench")
        make(made[make])
    return made


async def _still(pilot: Pilot[Any]) -> str:
    """What stands on the screen once nothing has changed on it for a while."""
    text, same = "", 0
    while same < _STILL:
        await pilot.pause(0.1)
        before, text = text, _TAKEN.sub(lambda match: "#" * len(match[0]), screen_text(pilot.app))
        same = same + 1 if text == before else 0
    return text


def _drawn(state: State, home: Home, only_ascii: bool = False) -> dict[str, str]:
    """The state at every size: of one app, which is resized."""

    async def run() -> dict[str, str]:
        found = {}
        app = WorkbenchApp(home, only_ascii=only_ascii)
        async with app.run_test(size=WIDE, notifications=False) as pilot:
            await pilot.pause()
            for key in state.keys:
                await pilot.press(key)
                if key.isdigit():  # a screen reads what it shows before other keys mean anything
                    await _still(pilot)
            for name, size in _SIZES.items():
                await pilot.resize_terminal(*size)
                found[name] = await _still(pilot)
        return found

    for path in home.path.glob("drafts/*"):
        path.unlink()
    return asyncio.run(run())


@pytest.mark.parametrize("name", STATES)
def test_a_screen_looks_as_it_did(name: str, homes: dict[Callable[[Home], None], Home]) -> None:
    for size, text in _drawn(STATES[name], homes[STATES[name].make]).items():
        compare(f"{name}-{size}", text)


@pytest.mark.parametrize("name", STATES)
def test_it_looks_as_it_did_in_ascii(name: str, homes: dict[Callable[[Home], None], Home]) -> None:
    for size, text in _drawn(STATES[name], homes[STATES[name].make], only_ascii=True).items():
        assert text.isascii()
        compare(f"{name}-{size}-ascii", text)


@pytest.mark.parametrize("name", ["plan-area", "runs-marked", "compare-lens"])
def test_without_colours_the_text_is_the_same(
    name: str, homes: dict[Callable[[Home], None], Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    for size, text in _drawn(STATES[name], homes[STATES[name].make]).items():
        compare(f"{name}-{size}", text)


def test_no_two_states_look_alike() -> None:
    folder = Path(__file__).parent / "goldens"
    texts = [path.read_text(encoding="utf-8") for path in folder.glob("*-120x36.txt")]
    assert len(texts) == len(set(texts)) == len(STATES)
