"""The Runs screen under keys in any order, user text of any kind, and files that go away."""

import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from tests.store.helpers import finished_run, record
from tests.tui.pilot import NARROW, TINY, WIDE, drive, screen_text
from tests.tui.written_homes import FINISHED, LOSS, at_work, written
from tui.runs.curve_pane import gauges
from tui.runs.curves import Curves, points_of
from tui.runs.line import Marks, columns_for, heading, needs_of, row_line
from tui.runs.row import RunRow
from tui.runs.screen import RunsScreen
from workbench.run.layout import Home

pytestmark = pytest.mark.screens

# Of those that ask something of a run only `x` is here: it asks first, and `escape` and `enter` leave the run alone.
_KEYS = (
    *("up", "down", "j", "k", "g", "G", "pageup", "pagedown", "space", "p", "slash", "escape", "enter", "x", "v", "W"),
    *("m", "M", "L", "s", "t", "z", "y", "Y", "tab", "left_square_bracket", "right_square_bracket", "question_mark"),
    *("1", "2", "r", "colon", "less_than_sign", "5", "a", "backspace"),
)
_NAMES = ("[bold]x[/]", "a\x1b[31m\x07b", "\u202eright to left", "漢字かな交じり文の名前", "e\u0301" * 30, "", "\n\t")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "home")
    found.path.mkdir()
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_no_order_of_keys_breaks_it(home: Home, seed: int) -> None:
    chance = random.Random(seed)

    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2")
        for _ in range(100):
            await pilot.press(chance.choice(_KEYS))
        await pilot.pause()
        assert pilot.app.is_running

    written(home)
    with at_work(home) as (_folder, log):
        log.write("metric", step=1, values={"loss": 1.0})
        drive(home, steps, (WIDE, NARROW, TINY)[seed % 3])


def test_any_name_keeps_the_frame(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2")
        for _ in range(len(_NAMES)):
            await pilot.pause(0.3)
            text = screen_text(pilot.app)
            assert "\x1b" not in text
            assert "\u202e" not in text
            await pilot.press("space", "down")
        assert "[bold]x[/]" in screen_text(pilot.app)

    for number, name in enumerate(_NAMES):
        finished_run(home, record(f"{number + 1:012x}", name=name), [LOSS])
    drive(home, steps)


@pytest.mark.parametrize("width", [20, 40, 58, 80, 118, 200])
@pytest.mark.parametrize("pinned", [True, False])
def test_every_line_is_as_wide_as_its_columns(width: int, pinned: bool) -> None:
    columns = columns_for(width, pinned, needs_of([_row(name) for name in _NAMES], "loss"))
    marks = Marks(("a",), "b" if pinned else None)
    widths = {cell_len(row_line(_row(name), columns, marks, _row("b"), cursor=True)) for name in _NAMES}
    assert widths == {cell_len(heading(columns, marks))}
    assert width < 58 or widths == {width}
    assert ("delta" in columns) == (pinned and width >= 58)


def _row(name: str) -> RunRow:
    return RunRow(
        "a", name, name, "demo", 0, "running", True, 2, 3, None, 5, True, "", {"loss": 1.5}, eta_seconds=7200.0
    )


def test_a_run_that_is_removed_under_the_cursor_leaves_the_others(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2")
        while "whole-s0" not in screen_text(pilot.app):
            await pilot.pause(0.05)
        await pilot.press("G", "space", "p", "v")
        shutil.rmtree(home.run_dir(FINISHED).path)
        while "whole-s0" in screen_text(pilot.app):
            await pilot.pause(0.05)
        screen = pilot.app.screen
        assert isinstance(screen, RunsScreen)
        assert (screen.choice.marked, screen.choice.pinned) == ((), None)
        assert "Runs 2" in screen_text(pilot.app)

    written(home)
    drive(home, steps)


def test_gauges_say_what_is_known_and_how_old_it_is() -> None:
    curves = Curves()
    assert gauges(curves, "a", None) == ""
    values = {"gpu_percent": 93, "celsius": 61, "watts": None, "cpu_cores": 0.97}
    metric = {"kind": "metric", "attempt": 1, "step": 1, "values": {"lr": 1.6e-4, "memory_bytes": 7.1e9}}
    curves.add("a", points_of([metric, {"kind": "telemetry", "attempt": 1, "values": values}]))
    assert gauges(curves, "a", 2.2) == "lr 0.00016 · 7.1 GB · GPU 93 % · 61 °C · CPU 1.0 cores · 2 s ago"
