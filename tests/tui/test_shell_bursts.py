"""Keys that come all at once, as from a slow line or a script, go where they would have gone one by one."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from tests.store.lens_home import enter, fill
from tests.tui.pilot import at_once, drive, keys, screen_text, until
from tests.tui.plan_steps import plan_screen
from tests.tui.written_homes import written
from tui.plan.measured import FinishedRun, finished_runs
from tui.plan.picker import Picker
from tui.plan.screen import PlanScreen
from tui.runs.run_dialog import RunDialog
from tui.shell.in_turn import NEAR
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
    for part in typed:
        if isinstance(part, events.Paste):
            assert pilot.app._driver is not None
            pilot.app._driver.send_message(part)
        else:
            at_once(pilot, *([part] if part in ("enter", "escape") else keys(part)))


def _typed(pilot: Pilot[Any]) -> str:
    """What stands in the dialog's line, "" where none is open."""
    lines = pilot.app.screen.query(Input) if isinstance(pilot.app.screen, Picker) else ()
    return next((line.value for line in lines), "")


def _rows(pilot: Pilot[Any]) -> list[str]:
    return [line for line in screen_text(pilot.app).splitlines() if " nf4 " in line]


def test_a_rule_is_written_and_entered_and_the_map_has_the_keys_again(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        _at_once(pilot, ":0-1 q,v r=8", "enter", "u:2 k r=4", "enter", "jl")
        await until(pilot, lambda: _rows(pilot)[1].split()[3:7] == ["L16", ">L16", "<", "L16"])
        assert _rows(pilot)[0].split()[3:6] == ["L16", "L16", "L16"]  # taken back by u
        assert _rows(pilot)[2].split()[3:6] == ["L16", "L4", "L16"]

    drive(home, steps)


def test_a_rank_is_given_to_an_area(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        _at_once(pilot, "vjlr8", "enter", "j")
        await until(pilot, lambda: ">" in _rows(pilot)[2])
        assert [row.count("L8") for row in _rows(pilot)[:3]] == [2, 2, 0]

    drive(home, steps)


def test_a_screen_is_opened_and_its_filter_written(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        _at_once(pilot, "2/status:failed", "enter")
        await until(pilot, lambda: "1 shown by status:failed" in screen_text(pilot.app))
        _at_once(pilot, "escape", "4/quarter-mlp", "enter")
        await until(pilot, lambda: "1 shown by quarter-mlp" in screen_text(pilot.app))
        assert not pilot.app.screen.query_one("#ask", Input).has_focus

    drive(home, steps)


def test_what_is_pasted_stays_between_the_keys_around_it(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        _at_once(pilot, ":* ", events.Paste("q,v r"), "=2", "enter")
        await until(pilot, lambda: screen_text(pilot.app).count("L2 ") == 12)

    drive(home, steps)


def test_a_dialog_that_opens_is_left_again(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        _at_once(pilot, "v?", "escape", "j+")
        await until(pilot, lambda: screen_text(pilot.app).count("L32") == 2)  # escape did not let go of the area

    drive(home, steps)


def test_a_key_is_waited_for_while_the_program_is_busy(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is where something is imported for the first time, or a large map is painted."""

    async def busy(screen: PlanScreen, event: events.Key) -> None:
        for _ in range(3):
            time.sleep(0.4)  # which holds up everything
            await asyncio.sleep(0)

    monkeypatch.setattr(PlanScreen, "on_key", busy, raising=False)

    async def steps(pilot: Pilot[Any]) -> None:
        _at_once(pilot, "dquarter")
        await until(pilot, lambda: _typed(pilot).endswith("uarter"))
        assert _typed(pilot) == "quarter"

    drive(home, steps)


def test_a_dialog_that_reads_is_there_for_what_is_typed_behind_its_key(home: Home) -> None:
    """`q` among it would leave the program, `u` would take an edit back."""

    async def steps(pilot: Pilot[Any]) -> None:
        _at_once(pilot, "+dquarter-mlp", "enter", "j")
        await until(pilot, lambda: "differ from demo-quarter-mlp" in screen_text(pilot.app))
        await until(pilot, lambda: ">" in _rows(pilot)[1])
        assert "L32" in _rows(pilot)[0]
        _at_once(pilot, "escape", "D24 GB", "enter", "j")
        await until(pilot, lambda: "a GPU (24 GB)" in screen_text(pilot.app) and ">" in _rows(pilot)[2])

    drive(home, steps)


@pytest.fixture
def read_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The runs that a dialog of the Plan screen shows are read when this is set."""
    event = threading.Event()

    def late(home: Home, model: str) -> tuple[FinishedRun, ...]:
        event.wait(30)
        return finished_runs(home, model)

    monkeypatch.setattr("tui.plan.dialogs.finished_runs", late)
    yield event
    event.set()


def test_a_run_is_chosen_that_was_not_read_yet_as_its_name_was_entered(home: Home, read_on: threading.Event) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        _at_once(pilot, "dwhole-s0", "enter", "j")
        await until(pilot, lambda: "reading the runs" in screen_text(pilot.app) and "whole-s0" in _typed(pilot))
        await pilot.pause(0.3)
        assert _typed(pilot) == "whole-s0"
        read_on.set()
        await until(pilot, lambda: any(">" in row for row in _rows(pilot)[1:2]))
        assert not isinstance(pilot.app.screen, Picker)
        await until(pilot, lambda: "sites differ from" in screen_text(pilot.app))

    drive(home, steps)


def test_escape_leaves_a_dialog_that_waits_with_what_was_entered(home: Home, read_on: threading.Event) -> None:
    """What is typed a while later is by someone who waits no longer."""

    async def steps(pilot: Pilot[Any]) -> None:
        _at_once(pilot, "dnone of these", "enter")
        await until(pilot, lambda: "none of these" in _typed(pilot))
        await pilot.pause(2 * NEAR)
        _at_once(pilot, "escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, Picker))
        _at_once(pilot, "j")
        await until(pilot, lambda: any(">" in row for row in _rows(pilot)[1:2]))
        read_on.set()

    drive(home, steps)


def test_keys_wait_for_no_reading_that_takes_long(
    home: Home, read_on: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.plan.picker.HELD", 0.2)

    async def steps(pilot: Pilot[Any]) -> None:
        _at_once(pilot, "dwhole", "enter", "-s0")
        await until(pilot, lambda: _typed(pilot) == "whole-s0")
        read_on.set()
        await until(pilot, lambda: "whole-s0  run" in screen_text(pilot.app))

    drive(home, steps)


def test_a_plan_is_opened_and_edited(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        before = plan_screen(pilot).draft.text
        _at_once(pilot, "Oquarter-mlp", "enter", ":0 q r=4", "enter")
        await until(pilot, lambda: "L4 " in screen_text(pilot.app))
        assert plan_screen(pilot).draft.plan.name == "demo-quarter-mlp"
        _at_once(pilot, "Ddemo", "escape", "Mdemo", "enter")
        await until(pilot, lambda: plan_screen(pilot).draft.text == before)

    drive(home, steps)


def test_a_run_is_opened_and_one_of_its_keys_pressed(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        _at_once(pilot, "2/status:failed", "enter")
        await until(pilot, lambda: "1 shown by status:failed" in screen_text(pilot.app))
        _at_once(pilot, "enter", "a", "escape")
        await until(pilot, lambda: bool(pilot.app.clipboard))
        await until(pilot, lambda: not isinstance(pilot.app.screen, RunDialog))

    drive(home, steps)


def test_a_plan_is_copied_in_the_library_and_the_tree_has_the_keys_again(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        _at_once(pilot, "4/quarter-mlp", "enter", "j")
        await until(pilot, lambda: "demo-quarter-mlp (built-in)" in screen_text(pilot.app))
        _at_once(pilot, "cmine", "enter", "1")
        await until(pilot, lambda: isinstance(pilot.app.screen, PlanScreen))
        assert (home.plans / "mine.yaml").exists()

    drive(home, steps)


def test_what_a_lens_asks_for_is_written_behind_its_key(home: Home) -> None:
    fill(home)
    enter(home, "second study")

    async def steps(pilot: Pilot[Any]) -> None:
        _at_once(pilot, "3")
        await until(pilot, lambda: "2 studies" in screen_text(pilot.app))
        _at_once(pilot, "enter", "cut", "enter")
        await until(pilot, lambda: "$study=cut" in screen_text(pilot.app))

    drive(home, steps)


def test_keys_go_on_where_a_pane_is_gone_that_a_key_was_sent_to(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.app.screen.mount(gone := Input())
        gone.focus()
        await pilot.pause()
        _at_once(pilot, "ab")
        await gone.remove()
        _at_once(pilot, "+")
        await until(pilot, lambda: "L32" in screen_text(pilot.app))

    drive(home, steps)
