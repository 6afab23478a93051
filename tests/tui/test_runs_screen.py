"""The Runs screen by its keys, over files that the tests write and the real follower reads."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.message import Message
from textual.pilot import Pilot

from tests.store.helpers import finished_run, record
from tests.tui.pilot import NARROW, TINY, WIDE, drive, keys, screen_text, until
from tests.tui.written_homes import FAILED, FINISHED, LIVE, LOSS, LOWER, at_work, written
from tui.opening import OpenPlan
from tui.runs.screen import RunsScreen
from workbench.run.control import stop_reason
from workbench.run.layout import Home

pytestmark = pytest.mark.screens


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "home")
    found.path.mkdir()
    return found


async def _sees(pilot: Pilot[Any], text: str) -> None:
    await until(pilot, lambda: text in screen_text(pilot.app))


def _runs(pilot: Pilot[Any]) -> RunsScreen:
    screen = pilot.app.screen
    assert isinstance(screen, RunsScreen)
    return screen


def _line(pilot: Pilot[Any], text: str) -> str:
    return next(line for line in screen_text(pilot.app).splitlines() if text in line)


def test_without_runs_it_says_how_to_get_one(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2")
        await _sees(pilot, "No runs yet.")
        await pilot.press("space", "p", "x", "enter", "v", "W", "r", "R", "P", "y", "Y", "m", "L", "s", "z", "escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, RunsScreen)

    drive(home, steps)


@pytest.mark.parametrize("size", [WIDE, NARROW, TINY])
def test_a_live_run_moves_on_the_screen(home: Home, size: tuple[int, int]) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2")
        await _sees(pilot, "▶ running")
        log.write("metric", step=7, values={"loss": 0.25, "lr": 1e-4})
        folder.out(1).write_text("hello [b]there[/b]\n")
        await _sees(pilot, "7/1000")
        await _sees(pilot, "hello [b]there[/b]")
        lines = screen_text(pilot.app).splitlines()
        assert len(lines) == size[1]
        assert all(len(line) <= size[0] for line in lines)
        assert ("lr 0.0001" in "\n".join(lines)) == (size == WIDE)
        assert lines[-1].endswith("? Keys")

    written(home)
    with at_work(home) as (folder, log):
        log.write("metric", step=1, values={"loss": 1.0, "lr": 1e-4})
        drive(home, steps, size)


def test_marks_number_curves_and_the_baseline_makes_a_column(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2")
        await _sees(pilot, "cut-[red]s1")
        await pilot.press("space", "G", "space", "p")
        await _sees(pilot, "+0.2500")
        assert _runs(pilot).choice.marked == (LOWER, FINISHED)
        assert _line(pilot, "whole-s0")[1:].startswith("›2★")
        await _sees(pilot, "1 cut-[red]s1  ★ whole-s0")
        await pilot.press("p", "space")
        await _sees(pilot, "1 cut-[red]s1  • whole-s0")
        assert "Δ ★" not in screen_text(pilot.app)

    written(home)
    drive(home, steps)


def test_curves_change_by_keys(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2")
        await _sees(pilot, "loss · linear · raw")
        await _sees(pilot, "step 1")
        await pilot.press("m", "L", "s")
        await _sees(pilot, "eval.loss · logarithmic · smoothed 0.6")
        await pilot.press("M", "L", "s", "s", "s")
        await _sees(pilot, "loss · linear · raw")

    written(home)
    drive(home, steps)


def test_a_filter_is_told_where_it_is_wrong_and_goes_by_escape(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2")
        await _sees(pilot, "whole-s0")
        await pilot.press("slash", *keys("lss<1"))
        await _sees(pilot, "^ no field is called 'lss'; did you mean 'loss'?")
        await pilot.press("home", "right", "o", "end", "enter")
        await _sees(pilot, "2 shown by loss<1")
        await pilot.press("slash", *keys(" nowhere"), "enter")
        await _sees(pilot, "None of 3 runs fits")
        await pilot.press("escape")
        await _sees(pilot, "base-run")

    written(home)
    drive(home, steps)


def test_examples_show_what_was_right_and_wrong(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2")
        await _sees(pilot, "whole-s0")
        await pilot.press("G", "v")
        await _sees(pilot, "step 40: 1 of 2 right (50 %), 2 examples")
        await pilot.press("W")
        await _sees(pilot, "1 wrong ones")
        text = screen_text(pilot.app)
        assert "prompt  [b]shift[/b]" in text
        assert "output  wrong\\x1b[31m" in text
        assert "#0  right" not in text
        await pilot.press("v")
        await _sees(pilot, "output · whole-s0")

    written(home)
    drive(home, steps)


def test_the_output_is_held_still_and_filtered(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2")
        await _sees(pilot, "first line")
        await pilot.press("t")
        with folder.out(1).open("a") as file:
            file.write("second line\nthird\n")
        await _sees(pilot, "held still, +2 lines")
        assert "second line" not in screen_text(pilot.app)
        await pilot.press("t")
        await _sees(pilot, "second line")
        pilot.app.screen.query_one("#output-lines").focus()
        await pilot.press("slash", *keys("LINE"), "enter")
        await until(pilot, lambda: "third" not in screen_text(pilot.app))
        assert "second line" in screen_text(pilot.app)

    with at_work(home) as (folder, _log):
        folder.out(1).write_text("first line\n")
        drive(home, steps)


def test_stopping_asks_first_and_then_leaves_the_wish_of_the_command(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2")
        await _sees(pilot, "▶ running")
        await pilot.press("x")
        await _sees(pilot, "Stop live-s0")
        await pilot.press("enter")  # the focus is on leaving it alone
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
        assert stop_reason(folder, 1) is None
        await pilot.press("x")
        await _sees(pilot, "Stop live-s0")
        await pilot.press("down", "Y", "s")
        assert pilot.app.clipboard == f"workbench --home {home.path} runs stop {LIVE}"
        await until(pilot, lambda: stop_reason(folder, 1) == "user")
        await _sees(pilot, "stopping")
        await pilot.press("Y")
        assert pilot.app.clipboard == f"workbench --home {home.path} runs stop {LIVE}"

    with at_work(home) as (folder, _log):
        drive(home, steps)


def test_a_failure_is_opened_with_its_fixes_as_keys(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2")
        await _sees(pilot, "✗ nan")
        await pilot.press("down", "enter")
        await _sees(pilot, "nan in attempt 1")
        text = screen_text(pilot.app)
        assert "[a] lower lr, or set a longer warmup" in text
        assert "│ boom" in text
        await pilot.press("c")
        assert pilot.app.clipboard == f"workbench runs logs {FAILED} --events"
        await pilot.press("escape", "Y")
        await pilot.pause()
        assert pilot.app.clipboard == f"workbench --home {home.path} runs show {FAILED}"

    written(home)
    drive(home, steps)


def test_what_a_state_forbids_is_said_as_the_command_says_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    async def steps(pilot: Pilot[Any]) -> None:
        monkeypatch.setattr(RunsScreen, "notify", lambda self, message, **_: said.append(message))
        await pilot.press("2")
        await _sees(pilot, "whole-s0")
        await pilot.press("G", "R")
        await until(pilot, lambda: bool(said))
        await pilot.press("x")  # does not ask how to stop what has ended
        await until(pilot, lambda: len(said) > 1)
        assert isinstance(pilot.app.screen, RunsScreen)

    written(home)
    drive(home, steps)
    assert "is finished: cannot retry it" in said[0]
    assert "workbench run --force" in said[0]
    assert "is finished: cannot stop it" in said[1]


def test_a_pane_fills_the_screen_and_gives_it_back(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2")
        await _sees(pilot, "whole-s0")
        await pilot.press("z")
        await until(pilot, lambda: "linear" not in screen_text(pilot.app))
        assert "whole-s0" in screen_text(pilot.app)
        await pilot.press("escape")
        await _sees(pilot, "linear")

    written(home)
    drive(home, steps, NARROW)


def test_every_key_has_an_id_and_a_word_for_the_help(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2")
        await _sees(pilot, "No runs yet.")
        ours = [active.binding for active in _runs(pilot).active_bindings.values() if active.node is not pilot.app]
        mine = [binding for binding in ours if binding.id and binding.id.startswith("runs.")]
        assert len(mine) > 25
        assert all(binding.tooltip for binding in mine)
        assert sum(binding.show for binding in mine) <= 6

    drive(home, steps)


def test_a_run_is_cloned_to_a_plan(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[OpenPlan] = []

    async def steps(pilot: Pilot[Any]) -> None:
        monkeypatch.setattr(RunsScreen, "post_message", _noting(opened))
        await pilot.press("2")
        await _sees(pilot, "whole-s0")
        await pilot.press("G", "c")
        await until(pilot, lambda: bool(opened))

    written(home)
    drive(home, steps)
    assert opened[0].path is None
    assert f"name: {opened[0].name}" in (opened[0].text or "")


def _noting(opened: list[OpenPlan]) -> Callable[[RunsScreen, Message], bool]:
    post = RunsScreen.post_message

    def noting(screen: RunsScreen, message: Message) -> bool:
        if isinstance(message, OpenPlan):
            opened.append(message)
            return True
        return post(screen, message)

    return noting


def test_curves_that_are_shown_are_written(home: Home, tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2")
        await _sees(pilot, "whole-s0")
        await pilot.press("G")
        await _sees(pilot, "step 1")
        await pilot.press("w")
        await _sees(pilot, str(home.run_dir(FINISHED).path)[:40])
        for char in f"{tmp_path}/c.txt":
            await pilot.press(*keys(char))
        await pilot.press("enter")
        await _sees(pilot, "is no CSV file")
        await pilot.press("backspace", "backspace", "backspace", *keys("csv"), "enter")
        await until(pilot, lambda: (tmp_path / "c.csv").is_file())
        await pilot.press("Y")
        words = shlex.split(pilot.app.clipboard)
        assert words[:4] == ["workbench", "--home", str(home.path), "sql"]
        assert f"run_id in ('{FINISHED}')" in words[4]

    written(home)
    drive(home, steps)
    assert (tmp_path / "c.csv").read_text().startswith(f"run_id,name,metric,step,value\n{FINISHED},whole-s0,loss,")


@pytest.mark.parametrize("size", [NARROW, TINY])
def test_where_there_is_no_room_a_curve_is_one_line_and_opens_in_full(home: Home, size: tuple[int, int]) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2")
        await _sees(pilot, "whole-s0")
        await pilot.press("G")
        await until(pilot, lambda: any(bar in screen_text(pilot.app) for bar in "▁█"))
        assert "step 1" not in screen_text(pilot.app).split("output")[0]
        await pilot.press("right_square_bracket", "z")
        await _sees(pilot, "└step 1")
        await pilot.press("escape")
        await until(pilot, lambda: "└step 1" not in screen_text(pilot.app))

    written(home)
    drive(home, steps, size)


def test_the_number_that_is_drawn_is_the_one_compared(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2")
        await _sees(pilot, "eval loss")
        await _sees(pilot, "step 1")
        assert "lower" not in screen_text(pilot.app)
        assert re.search(r"whole-s0 +all ", screen_text(pilot.app))
        await pilot.press("M")
        assert _runs(pilot).choice.metric == "loss"  # the last number is none that is evaluated

    written(home)
    drive(home, steps)


def test_seven_runs_are_one_too_many_to_mark(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    async def steps(pilot: Pilot[Any]) -> None:
        monkeypatch.setattr(RunsScreen, "notify", lambda self, message, **_: said.append(message))
        await pilot.press("2")
        await _sees(pilot, "r6")
        for _ in range(7):
            await pilot.press("space", "down")
        assert len(_runs(pilot).choice.marked) == 6
        await until(pilot, lambda: all(f"{n} r" in screen_text(pilot.app) for n in range(1, 7)))

    for number in range(7):
        finished_run(home, record(f"{number + 1:012x}", name=f"r{number}"), [LOSS])
    drive(home, steps)
    assert said == ["6 runs are marked: take one back first (space)"]
