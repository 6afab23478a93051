"""Keys without sense: 2,000 of them on every screen, by the numbers of a seed. Nothing may raise, no draft may be lost.

`python -m benchmarks.random_keys [--quick] [--keep] [--count N] [--seed N]`. It ends with 1 where something was lost or
raised, and says after which keys.
"""

import argparse
import asyncio
import os
import random
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from textual.pilot import Pilot

from benchmarks.common import publish
from tui.app import WorkbenchApp
from tui.compare.editor import SqlEditor
from tui.plan.journal import Journal
from tui.plan.launch import Launched
from tui.plan.screen import PlanScreen
from workbench.run.layout import Home
from workbench.sample.home import unpack
from workbench.sample.mark import MARK, is_sample

PACKAGES = ("textual", "rich", "duckdb")
SCREENS = {"1": "plan", "2": "runs", "3": "compare", "4": "library"}
SIZES = ((120, 36), (80, 24), (60, 18))
COUNT, EVERY, LAST = 2000, 100, 30
# What starts trainers; the dialog that launches runs launches none here.
LEFT_OUT = {"runs.retry", "runs.resume", "library.run"}
LETTERS = ("q", "v", "r", "equals_sign", "8", "minus", "comma", "space", "asterisk", "enter", "escape", "backspace")
BACK = 0.3  # of the keys are those of lines and dialogs, so that what was opened is written in and left again


class Lost(Exception):
    """A draft on the disk is not the one on the screen, or has become shorter."""


class Drafts:
    """Looks at what is kept of the drafts of a home."""

    def __init__(self, home: Home) -> None:
        self._folder = home.path / "drafts"
        self._sizes: dict[Path, int] = {}

    async def check(self, pilot: Pilot[Any]) -> None:
        """Raises Lost. Journals are only ever added to; the editor is kept a moment after the last key.

        The sample, which some keys open and others leave, is a home of its own where nobody has drafts.
        """
        if is_sample(_app(pilot).home):
            return
        for path in self._folder.glob("*.jsonl"):
            size = path.stat().st_size
            if size < self._sizes.get(path, 0):
                raise Lost(f"{path.name} has become shorter")
            self._sizes[path] = size
        for screen in pilot.app.screen_stack:
            if isinstance(screen, PlanScreen) and not self._has_plan(screen.draft.text):
                raise Lost("the draft of the plan is in no journal")
            for editor in screen.query(SqlEditor):
                await self._until_kept(editor.text)

    def _has_plan(self, text: str) -> bool:
        return any(Journal.read(path).text == text for path in self._folder.glob("*.jsonl"))

    async def _until_kept(self, text: str) -> None:
        for _ in range(100):
            if not text or any(path.read_text("utf-8") == text for path in self._folder.glob("*.sql")):
                return
            await asyncio.sleep(0.05)
        raise Lost("what is in the editor was not kept")


def _app(pilot: Pilot[Any]) -> WorkbenchApp:
    assert isinstance(pilot.app, WorkbenchApp)
    return pilot.app


def vocabulary(app: WorkbenchApp) -> tuple[str, ...]:
    """The keys of the screen and of all its panes."""
    found: dict[str, None] = {}
    for widget in (app.screen, *app.screen.query("*")):
        for node in widget.ancestors_with_self:
            for key, bindings in node._bindings.key_to_bindings.items():
                if not {binding.id for binding in bindings} & LEFT_OUT and key != "ctrl+c":
                    found[key] = None
    return tuple(sorted(found))


async def press_all(home: Home, screen: str, keys: int, chance: random.Random, pressed: list[str]) -> None:
    """Presses so many keys, and looks at the drafts now and then."""
    app, drafts = WorkbenchApp(home), Drafts(home)
    async with app.run_test(size=SIZES[int(screen) % len(SIZES)]) as pilot:
        await pilot.pause()
        await pilot.press(screen)
        await pilot.pause()
        words = vocabulary(app)
        for number in range(1, keys + 1):
            key = chance.choice(LETTERS if chance.random() < BACK else words)
            pressed.append(key)
            await pilot.press(key)
            if number % EVERY == 0:
                await drafts.check(pilot)
                await pilot.resize_terminal(*chance.choice(SIZES))
        assert app.is_running


def one_screen(screen: str, keys: int, seed: int) -> dict[str, Any]:
    """In a home of its own; what was raised, and the keys before it."""
    pressed: list[str] = []
    begun = time.monotonic()
    with TemporaryDirectory() as folder, _standing_in(Path(folder)) as home:
        try:
            asyncio.run(press_all(home, screen, keys, random.Random(f"{seed} {screen}"), pressed))
            problem, where = "", ""
        except Exception as error:
            problem, where = f"{type(error).__name__}: {error}", traceback.format_exc()
            print(where, file=sys.stderr)
    took = time.monotonic() - begun
    found = {"keys": len(pressed), "seconds": took, "problem": problem}
    return {**found, "last_keys": pressed[-LAST:]} if problem else found


async def _stay(app: WorkbenchApp) -> None:
    """Whatever way leads to leaving."""


@contextmanager
def _standing_in(folder: Path) -> Iterator[Home]:
    """A home with the runs of the sample, and nothing that is written beside it or started in earnest."""
    home = unpack(folder / "home")
    (home.path / MARK).unlink()
    before = Path.cwd()
    os.chdir(folder)
    with (
        patch.dict(os.environ, {"XDG_CACHE_HOME": str(folder / "cache")}),
        patch("tui.plan.launch.launch", lambda *_: Launched(0, "")),
        patch.object(WorkbenchApp, "action_quit", _stay),
    ):
        try:
            yield home
        finally:
            os.chdir(before)


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="200 keys on every screen")
    parser.add_argument("--keep", action="store_true", help="write the result to benchmarks/results")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--screen", choices=[*SCREENS], action="append", help="this one alone; may be repeated")
    chosen = parser.parse_args(words)
    count = COUNT // 10 if chosen.quick else chosen.count
    screens = chosen.screen or [*SCREENS]
    # Each in a process of its own, two at a time: an app that is asked to do nothing waits for most of the time.
    with ProcessPoolExecutor(2, get_context("spawn"), max_tasks_per_child=1) as pool:
        told = pool.map(partial(one_screen, keys=count, seed=chosen.seed), screens)
        found = {SCREENS[screen]: one for screen, one in zip(screens, told, strict=True)}
    result = {"quick": chosen.quick, "seed": chosen.seed, "screens": found}
    publish("random-keys", result, PACKAGES, chosen.keep)
    return int(any(one["problem"] for one in found.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
