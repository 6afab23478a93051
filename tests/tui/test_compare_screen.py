"""The Compare screen by its keys, over the real store: what stands on it, and what it leaves in the home."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Input, Static

from store import connection
from tests.store.helpers import HOLDER
from tests.store.lens_home import enter, fill
from tests.tui.pilot import NARROW, TINY, WIDE, Steps, drive, keys, screen_text
from tui.compare import retries
from tui.compare.chart.view import ChartView
from tui.compare.editor import SqlEditor
from tui.compare.lens_list import LensList
from tui.compare.row_view import RowView
from tui.compare.screen import CompareScreen
from tui.runs.screen import RunsScreen
from tui.widgets.result_grid import ResultGrid
from workbench.run.layout import Home

pytestmark = pytest.mark.screens


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home(tmp_path_factory.mktemp("compare") / ".workbench")
    made.path.mkdir()
    fill(made)
    return made


@pytest.fixture
def fresh(filled: Home) -> Home:
    """The home without drafts and lenses of its own."""
    for path in [*filled.path.glob("drafts/*"), *filled.path.glob("lenses/*")]:
        path.unlink()
    return filled


def _compare(pilot: Pilot[Any]) -> CompareScreen:
    found = next(one for one in pilot.app.screen_stack if isinstance(one, CompareScreen))
    return found


async def _settled(pilot: Pilot[Any]) -> str:
    """Waits for the threads and what they posted."""
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    return screen_text(pilot.app)


def _go(home: Home, steps: Steps, size: tuple[int, int] = WIDE) -> None:
    async def opened(pilot: Pilot[Any]) -> None:
        await pilot.press("3")
        await _settled(pilot)
        await steps(pilot)

    drive(home, opened, size)


async def _run(pilot: Pilot[Any], sql: str) -> str:
    _compare(pilot).query_one(SqlEditor).put(sql)
    await pilot.press("f5")
    return await _settled(pilot)


def _says(pilot: Pilot[Any]) -> str:
    return str(_compare(pilot).query_one("#says", Static).render())


def test_a_lens_is_run_by_two_keys_and_drawn_with_every_n(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        assert "21 finished runs · study cut" in screen_text(pilot.app)
        await pilot.press("down", "enter")
        text = await _settled(pilot)
        assert "$study=cut · $baseline=base" in text
        assert "Result: 36 rows" in text
        assert "0.08667 n=3" in text
        assert "0.205 n=2" in text
        assert "study cut, the only one here" in text
        _compare(pilot).query_one(SqlEditor).put("select 'not run yet'")
        await pilot.press("Y")
        assert pilot.app.clipboard == "workbench lens run 'delta to baseline' --study cut --baseline base"
        await pilot.press("y")
        assert pilot.app.clipboard.startswith("metric\tarm\t")

    _go(fresh, steps)


def test_an_error_stands_under_the_editor_in_duckdbs_words_and_the_old_rows_say_that_they_are_old(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await _run(pilot, "select 7 as answer")
        text = await _run(pilot, "select 1;\n\nselect los\nfrom run_summary")
        assert "Result: 1 row " in text  # the cursor is in the first statement
        await pilot.press("s", *["down"] * 3, "alt+enter")
        text = await _settled(pilot)
        assert 'Referenced column "los" not found' in text
        lines = text.splitlines()
        row = next(i for i, line in enumerate(lines) if "LINE 1: select los" in line)
        assert lines[row + 1].index("^") == lines[row].index("los")
        assert "LINE 1 is line 3 here" in text
        assert "Of the query before · Result" in text

    _go(fresh, steps)


def test_escape_stops_a_query_at_once(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        _compare(pilot).query_one(SqlEditor).put("select count(*) from range(10000000) a, range(10000000) b")
        await pilot.press("s", "f5")
        assert _compare(pilot).running
        await pilot.press("escape")
        assert not _compare(pilot).running
        assert _says(pilot) == "stopped before there was an answer"
        assert "Result: 1 row" in await _run(pilot, "select 1")

    _go(fresh, steps)


def test_a_second_query_takes_the_place_of_the_first(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        _compare(pilot).query_one(SqlEditor).put("select count(*) from range(10000000) a, range(10000000) b")
        await pilot.press("f5")
        await _run(pilot, "select 42 as answer")
        answer = _compare(pilot).answer
        assert answer is not None
        assert answer.table.rows == ((42,),)

    _go(fresh, steps)


def test_names_are_completed_at_tab(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("s", *keys("from run_sum"))
        assert "tab run_summary" in screen_text(pilot.app)
        await pilot.press("tab", "space", *keys("where tr"), "tab")
        editor = _compare(pilot).query_one(SqlEditor)
        assert editor.text == "from run_summary where trainable_params"
        await pilot.press("tab", "tab")
        assert editor.text.startswith("from run_summary where tr")
        await pilot.press("left", "right", "right")
        assert len(editor.text.split()) == 4 or editor.text.endswith("    ")

    _go(fresh, steps)


def test_what_was_typed_and_run_outlives_the_program(fresh: Home) -> None:
    async def write(pilot: Pilot[Any]) -> None:
        await _run(pilot, "select 1 as one")
        await pilot.press("s")
        _compare(pilot).query_one(SqlEditor).put("select 2 as half")

    async def look(pilot: Pilot[Any]) -> None:
        editor = _compare(pilot).query_one(SqlEditor)
        assert editor.text == "select 2 as half"
        await pilot.press("s", "alt+up")
        await pilot.pause()
        assert editor.text == "select 1 as one"
        await pilot.press("alt+down")
        await pilot.pause()
        assert editor.text == "select 2 as half"

    _go(fresh, write)
    _go(fresh, look)


def test_a_lens_does_not_swallow_what_was_in_the_editor(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        editor = _compare(pilot).query_one(SqlEditor)
        editor.put("select 'mine'")
        await pilot.press("enter")
        await _settled(pilot)
        assert "What every arm cost" in editor.text
        await pilot.press("s", "ctrl+z")
        assert editor.text == "select 'mine'"
        await pilot.press("alt+up")
        await pilot.pause()
        assert "What every arm cost" in editor.text

    _go(fresh, steps)


def test_values_are_chosen_in_a_line(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("end", "enter")
        await _settled(pilot)
        await pilot.press("p")
        assert "metric: exact_match, exact_match@int4" in " ".join(screen_text(pilot.app).split())
        await pilot.press("ctrl+u", *keys("metrik=x"), "enter")
        await pilot.pause()
        assert "did you mean 'metric'" in screen_text(pilot.app)
        await pilot.press("ctrl+u", *keys("metric=exact_match"), "enter")
        assert "$metric=exact_match" in await _settled(pilot)
        await pilot.press("p", "ctrl+u", *keys("metric=exact_mach"), "enter")
        assert "did you mean 'exact_match'" in await _settled(pilot)

    _go(fresh, steps)


def test_a_statement_is_kept_as_a_lens(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await _run(pilot, "-- title: By [loss]\nselect plan, loss from run_summary order by loss")
        await pilot.press("escape", "S", *keys("by loss"), "enter")
        assert "+ by loss" in await _settled(pilot)
        await pilot.press("S", *keys("by loss"), "enter")
        await _settled(pilot)
        assert "end it in !" in " ".join(screen_text(pilot.app).split())
        await pilot.press("exclamation_mark", "enter")
        await _settled(pilot)
        assert not _compare(pilot).query_one("AskLine").has_class("-open")

    _go(fresh, steps)
    assert "-- title: By [loss]" in (fresh.path / "lenses" / "by-loss.sql").read_text()


def test_rows_are_exported_beside_an_error_that_names_the_forms(fresh: Home, tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await _run(pilot, "select range i from range(3)")
        await pilot.press("escape", "w", "ctrl+u")
        for char in f"{tmp_path}/r.xls":
            await pilot.press(*keys(char))
        await pilot.press("enter")
        assert "is no form of export" in await _settled(pilot)
        await pilot.press("backspace", "backspace", "backspace", *keys("csv"), "enter")
        await _settled(pilot)

    _go(fresh, steps)
    assert (tmp_path / "r.csv").read_text() == "i\n0\n1\n2\n"


def test_a_cut_result_says_which_limit_cut_it(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        text = await _run(pilot, "select range i from range(12345)")
        assert "Result: 10,000 shown of 12,345 rows · L all" in text
        await pilot.press("escape", "L", "G")
        await pilot.pause()
        assert "12344" in screen_text(pilot.app)
        assert "10,000 shown · 100,000 fetched · cut, there are more" in await _run(pilot, "from range(200000)")

    _go(fresh, steps)


def test_a_row_is_seen_in_full_and_texts_are_no_markup(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        text = await _run(
            pilot, "select '[red]x[/] ' || chr(27) || chr(8238) as \"[b]h\", 1/3 as third, repeat('y', 99) y"
        )
        assert "[red]x[/] \\x1b\\u202e" in text
        assert "[b]h" in text
        assert "0.3333" in text
        await pilot.press("escape", "space")
        await pilot.pause()
        assert isinstance(pilot.app.screen, RowView)
        text = screen_text(pilot.app)
        assert "0.3333333333333333" in text
        assert "row 1 of 1" in text
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, CompareScreen)
        assert "[/x]" in await _run(pilot, "select error('[/x] [bold')")

    _go(fresh, steps)


def test_a_row_opens_its_runs_or_says_why_not(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await _run(pilot, "select 7 as other")
        await pilot.press("escape", "enter")
        await _settled(pilot)
        assert "this row names no runs" in _says(pilot)
        await _run(pilot, "select 'nowhere' as plan")
        await pilot.press("escape", "enter")
        await _settled(pilot)
        assert "no runs of plan nowhere" in _says(pilot)
        await _run(pilot, "select 'mlp-2' as arm, 7 as other")
        await pilot.press("escape", "enter")
        async with asyncio.timeout(30):
            while not isinstance(pilot.app.screen, RunsScreen) or "shown by run:" not in screen_text(pilot.app):
                await pilot.pause(0.05)
        assert "3 shown by run:" in screen_text(pilot.app)

    _go(fresh, steps)


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_a_number_is_painted_on_the_layers_and_taken_off_again(fresh: Home, size: tuple[int, int]) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await _run(
            pilot, "select 'base' as arm, unnest(['attention', 'mlp']) as group_name, 3 n, unnest([1.5, 4]) as v"
        )
        await pilot.press("escape", "H")
        await _settled(pilot)
        await pilot.pause()
        text = screen_text(pilot.app)
        assert "v by layer" in text
        assert "v · n=3" in text
        assert re.search(r"q_proj +0 +0 +0", text)
        assert re.search(r"up_proj +9 +9 +9", text)
        await pilot.press("H")
        await pilot.pause()
        assert "v by layer" not in screen_text(pilot.app)
        await _run(pilot, "select 1 as v")
        await pilot.press("escape", "H")
        await _settled(pilot)
        assert "no row says which layers it is of" in _says(pilot)

    _go(fresh, steps, size)


def test_a_value_that_a_lens_cannot_do_without_is_asked_for(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.path.mkdir()
    fill(home)
    enter(home, "second study")

    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("enter")
        assert "which study? There are 2" in await _settled(pilot)
        line = _compare(pilot).query_one("#ask", Input)
        assert (line.has_focus, line.value) == (True, "study=")
        await pilot.press("c")
        await pilot.pause(0.2)
        await pilot.press("tab", "enter")
        assert "$study=cut" in await _settled(pilot)
        assert isinstance(pilot.app.focused, ResultGrid)

    _go(home, steps)


def test_sql_is_coloured(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        editor = _compare(pilot).query_one(SqlEditor)
        editor.put("select loss from run_summary -- note")
        await pilot.pause()
        assert editor.language == "sql"
        styles = {segment.text.strip(): segment.style for segment in editor.render_line(0)}
        assert styles["select"] != styles["loss"]

    _go(fresh, steps)


def test_a_store_that_is_removed_is_made_anew_underneath(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await _run(pilot, "select count(*) as runs from runs")
        fresh.database.unlink()
        text = await _run(pilot, "select count(*) as runs from runs")
        assert "Result: 1 row" in text

    _go(fresh, steps)


def test_a_lens_that_cannot_be_read_is_told_and_the_others_run(fresh: Home) -> None:
    (fresh.path / "lenses").mkdir(exist_ok=True)
    (fresh.path / "lenses" / "broken.sql").write_text("-- tittle: x\nselect 1")

    async def steps(pilot: Pilot[Any]) -> None:
        assert "✗ broken" in screen_text(pilot.app)
        await pilot.press("end", "enter")
        await pilot.pause()
        assert "did you mean 'title'?" in " ".join(_says(pilot).split())
        await pilot.press("home", "enter")
        assert "Result: 8 rows" in await _settled(pilot)

    _go(fresh, steps)


def test_an_empty_home_says_what_to_do_and_stays_as_it_is(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")

    async def steps(pilot: Pilot[Any]) -> None:
        assert "2 finished runs needed (have 0); preview with sample data: t" in screen_text(pilot.app)
        assert "seed spread" in screen_text(pilot.app)
        await pilot.press("enter")
        assert "no runs here yet" in await _settled(pilot)

    _go(home, steps)
    assert not home.database.exists()


def test_a_locked_store_is_a_banner_until_it_is_free(fresh: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FOREIGN_PATIENCE", 0.05)
    monkeypatch.setattr(retries, "SECONDS", 0.1)
    # What was read a moment ago is taken as fresh where nothing was written since.
    (fresh.runs / "nothing").mkdir(exist_ok=True)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(fresh.database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"

    async def steps(pilot: Pilot[Any]) -> None:
        banner = _compare(pilot).query_one("#banner", Static)
        assert f"pid {holder.pid}" in str(banner.render())
        assert "seed spread" in screen_text(pilot.app)
        _compare(pilot).query_one(SqlEditor).put("select 5 as five")
        await pilot.press("f5")
        text = await _settled(pilot)
        assert "locked by" in text
        holder.communicate(b"")
        async with asyncio.timeout(30):
            while _compare(pilot).answer is None or _compare(pilot).query_one("#banner").display:
                await pilot.pause(0.05)
        await pilot.pause()
        assert "Trying again" not in screen_text(pilot.app)

    try:
        _go(fresh, steps)
    finally:
        holder.kill()
        holder.wait()


@pytest.mark.parametrize("size", [WIDE, NARROW, TINY])
def test_every_pane_can_be_reached_at_every_size(fresh: Home, size: tuple[int, int]) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        screen = _compare(pilot)
        assert isinstance(pilot.app.focused, LensList)
        await pilot.press("down", "enter")
        await _settled(pilot)
        await pilot.press("escape")
        assert isinstance(pilot.app.focused, ResultGrid)
        assert screen.query_one(ResultGrid).size.height > 0
        await pilot.press("v")
        await pilot.pause()
        assert isinstance(pilot.app.focused, ChartView)
        assert screen.query_one(ChartView).size.height > 0
        await pilot.press("v", "z", "z", "s")
        await pilot.pause()
        assert isinstance(pilot.app.focused, SqlEditor)
        assert screen.query_one(SqlEditor).size.height > 0
        await pilot.press("escape", "i")
        await pilot.pause()
        assert isinstance(pilot.app.focused, LensList)
        lines = screen_text(pilot.app).splitlines()
        assert len(lines) <= size[1]
        assert all(len(line) <= size[0] for line in lines)

    _go(fresh, steps, size)


def test_a_megabyte_is_pasted_and_kept(fresh: Home) -> None:
    text = "select 1 -- " + "x" * 100 + "\n"
    pasted = text * 9000

    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("s")
        editor = _compare(pilot).query_one(SqlEditor)
        pilot.app.post_message(Paste(pasted))
        await pilot.pause()
        await pilot.press("a", "b")
        assert editor.text == pasted + "ab"

    _go(fresh, steps)
    assert (fresh.path / "drafts" / "compare.sql").read_text() == pasted + "ab"


def test_every_key_has_a_name_and_says_what_it_does() -> None:
    for owner in (CompareScreen, SqlEditor, LensList, ResultGrid, ChartView, RowView):
        for binding in owner.BINDINGS:
            assert isinstance(binding, Binding)
            assert binding.id
            assert binding.tooltip
