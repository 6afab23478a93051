"""What people write stands on every screen as they wrote it: no markup, nothing a terminal obeys, no broken frame."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot
from textual.widgets import Input

from store.ingest import ingest
from tests.cli.written_runs import RECIPE, Row, failed_run, write_predictions
from tests.store.helpers import Metric, finished_run, record
from tests.tui.pilot import NARROW, TINY, WIDE, drive, keys, screen_text, until
from tui.compare.editor import SqlEditor
from workbench.library.tags import change_tags
from workbench.run.layout import Home

pytestmark = pytest.mark.screens
MARK = "[red]a[/]"
NASTY = f"{MARK}\x1b[31m\u202e日本\x07"
RUN, FAILED = "0123456789ab", "0123456789ac"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Its path, and everything in it that has a name, is written oddly."""
    found = Home(tmp_path / "[b]h\u202e日[/b]" / "home")
    found.plans.mkdir(parents=True)
    run_dir = finished_run(
        found, record(RUN, name=NASTY, plan=NASTY, recipe_name=NASTY, recipe=RECIPE), [Metric("loss", 0.5, False)]
    )
    run_dir.out(1).write_text(f"log {NASTY}\n")
    write_predictions(run_dir, 1, 3, [Row(False, prompt=NASTY, target=NASTY, output=NASTY)])
    change_tags(run_dir, ("[red]tag",), ())
    failed_run(found, FAILED, "nan", f"out {NASTY}\n", message=NASTY, hint=NASTY)
    notes = json.dumps(NASTY)
    (found.plans / "[red]plan.yaml").write_text(f"name: {notes}\nmodel: demo\nrules: ['* all']\nnotes: {notes}\n")
    (found.plans / "broken.yaml").write_text(f"name: x\nmodel: demo\nrules: [{notes}]\n")
    ingest(found)
    return found


def _sound(pilot: Pilot[Any]) -> str:
    """The screen's text, after a look at whether a terminal can show it."""
    text = screen_text(pilot.app)
    lines = text.split("\n")
    assert len(lines) == pilot.app.size.height
    assert max(map(cell_len, lines)) <= pilot.app.size.width, text
    assert not {char for char in text if unicodedata.category(char) in ("Cc", "Cf") and char != "\n"}, text
    return text


async def _sees(pilot: Pilot[Any], text: str = MARK) -> str:
    await until(pilot, lambda: text in screen_text(pilot.app))
    return _sound(pilot)


@pytest.mark.parametrize("size", [WIDE, NARROW, TINY])
def test_names_tags_logs_errors_and_answers_of_runs(home: Home, size: tuple[int, int]) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2")
        await _sees(pilot)
        await pilot.press("G")
        await _sees(pilot, f"log {MARK}")
        await pilot.press("T")
        await _sees(pilot, "[red]tag")
        await pilot.press("escape", "v")
        await _sees(pilot, f"prompt  {MARK}")
        await pilot.press("enter")
        await _sees(pilot, "0123456789ab")
        await pilot.press("escape", "g", "enter")
        await _sees(pilot, "what the keys do")
        await pilot.press("escape", "slash")
        pilot.app.screen.query_one("#filter", Input).value = NASTY
        await pilot.press("enter")
        await until(pilot, lambda: "shown by [red]" in screen_text(pilot.app))
        _sound(pilot)

    drive(home, steps, size)


@pytest.mark.parametrize("size", [WIDE, TINY])
def test_plans_paths_notes_and_problems_in_the_library(home: Home, size: tuple[int, int]) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("4")
        await _sees(pilot, "[red]plan")
        await pilot.press("i", "g", "down", "down")  # past the two groups to the first plan
        await _sees(pilot, "model demo")
        for _ in range(2):
            await pilot.press("down")
            await pilot.pause(0.2)
            _sound(pilot)
        await pilot.press("escape", "slash")
        pilot.app.screen.query_one("#ask", Input).value = NASTY
        await pilot.press("enter")
        await _sees(pilot, "shown by [red]")

    drive(home, steps, size)


def test_a_plan_and_its_file_on_the_map(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("O", *keys("plan"), "enter")
        await _sees(pilot)
        await pilot.press("plus", "w")
        await until(pilot, lambda: bool(pilot.app._notifications))
        (told,) = (toast.message for toast in pilot.app._notifications)
        assert "[red]plan" in told
        assert "\u202e" not in told
        await pilot.press("R")
        await _sees(pilot, "enter launches")
        await pilot.press("escape", "colon")
        pilot.app.screen.query_one("#rule", Input).value = NASTY
        await _sees(pilot, "^")

    drive(home, steps)


@pytest.mark.parametrize("size", [WIDE, TINY])
def test_sql_its_rows_and_its_errors(home: Home, size: tuple[int, int]) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("3")
        await _sees(pilot, "1 finished")
        editor = pilot.app.screen.query_one(SqlEditor)
        editor.put("select name, plan, recipe from runs where status = 'finished'")
        await pilot.press("f5")
        await _sees(pilot)
        await pilot.press("space")
        await _sees(pilot)
        await pilot.press("escape")
        editor.put(f"select '{NASTY}' from {'nowhere'}")
        await pilot.press("f5")
        await _sees(pilot, "nowhere does not exist")

    drive(home, steps, size)
