"""The Compare screen where lenses ask for values, where the store is gone, held or empty, and in every pane."""

import asyncio
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Input, Static

from store import connection
from tests.store.lens_home import enter, fill
from tests.tui.compare_steps import compare_screen, go, run_sql, says, settled
from tests.tui.holding import held
from tests.tui.pilot import NARROW, TINY, WIDE, screen_text, until
from tui.compare import retries
from tui.compare.chart.view import ChartView
from tui.compare.editor import SqlEditor
from tui.compare.lens_list import LensList
from tui.compare.row_view import RowView
from tui.compare.screen import CompareScreen
from tui.widgets.result_grid import ResultGrid
from workbench.run.layout import Home

pytestmark = pytest.mark.screens


def test_a_value_that_a_lens_cannot_do_without_is_asked_for(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.path.mkdir()
    fill(home)
    enter(home, "second study")

    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("enter")
        assert "which study? There are 2" in await settled(pilot)
        line = compare_screen(pilot).query_one("#ask", Input)
        assert (line.has_focus, line.value) == (True, "study=")
        await pilot.press("c")
        await pilot.pause(0.2)
        await pilot.press("tab", "enter")
        assert "$study=cut" in await settled(pilot)
        assert isinstance(pilot.app.focused, ResultGrid)

    go(home, steps)


def test_sql_is_coloured(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        editor = compare_screen(pilot).query_one(SqlEditor)
        editor.put("select loss from run_summary -- note")
        await pilot.pause()
        assert editor.language == "sql"
        styles = {segment.text.strip(): segment.style for segment in editor.render_line(0)}
        assert styles["select"] != styles["loss"]

    go(fresh, steps)


def test_a_store_that_is_removed_is_made_anew_underneath(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await run_sql(pilot, "select count(*) as runs from runs")
        fresh.database.unlink()
        text = await run_sql(pilot, "select count(*) as runs from runs")
        assert "Result: 1 row" in text

    go(fresh, steps)


@pytest.mark.parametrize("left", [None, b"", bytes(40960), b"no database"])
def test_what_is_done_with_a_row_mends_a_store_that_was_ruined_underneath(fresh: Home, left: bytes | None) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await run_sql(pilot, "select run_id, block, module, update_norm from run_sites order by all")
        await pilot.press("right", "right", "right")
        _ruin(fresh, left)
        await pilot.press("H")
        text = await settled(pilot)
        assert "no results yet" not in text
        assert "db rebuild" not in text
        assert "update_norm" in str(compare_screen(pilot).query_one(ChartView).border_title)
        _ruin(fresh, left)
        compare_screen(pilot).query_one(ResultGrid).focus()
        await pilot.press("enter")
        await until(pilot, lambda: "1 shown by run:" in screen_text(pilot.app))

    go(fresh, steps)


def _ruin(home: Home, left: bytes | None) -> None:
    """The database is gone, or that is left of it."""
    home.database.unlink()
    if left is not None:
        home.database.write_bytes(left)


def test_a_lens_that_cannot_be_read_is_told_and_the_others_run(fresh: Home) -> None:
    (fresh.path / "lenses").mkdir(exist_ok=True)
    (fresh.path / "lenses" / "broken.sql").write_text("-- tittle: x\nselect 1")

    async def steps(pilot: Pilot[Any]) -> None:
        assert "✗ broken" in screen_text(pilot.app)
        await pilot.press("end", "enter")
        await pilot.pause()
        assert "did you mean 'title'?" in " ".join(says(pilot).split())
        await pilot.press("home", "enter")
        assert "Result: 8 rows" in await settled(pilot)

    go(fresh, steps)


def test_an_empty_home_says_what_to_do_and_stays_as_it_is(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")

    async def steps(pilot: Pilot[Any]) -> None:
        assert "2 finished runs needed (have 0); preview with sample data: t" in screen_text(pilot.app)
        assert "seed spread" in screen_text(pilot.app)
        await pilot.press("enter")
        assert "no runs here yet" in await settled(pilot)

    go(home, steps)
    assert not home.database.exists()


def test_a_locked_store_is_a_banner_until_it_is_free(fresh: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FOREIGN_PATIENCE", 0.05)
    monkeypatch.setattr(retries, "SECONDS", 0.1)
    # What was read a moment ago is taken as fresh where nothing was written since.
    (fresh.runs / "nothing").mkdir(exist_ok=True)

    async def steps(pilot: Pilot[Any], holder: subprocess.Popen[bytes]) -> None:
        banner = compare_screen(pilot).query_one("#banner", Static)
        assert f"pid {holder.pid}" in str(banner.render())
        assert "seed spread" in screen_text(pilot.app)
        compare_screen(pilot).query_one(SqlEditor).put("select 5 as five")
        await pilot.press("f5")
        text = await settled(pilot)
        assert "locked by" in text
        holder.communicate(b"")
        async with asyncio.timeout(30):
            while compare_screen(pilot).answer is None or compare_screen(pilot).query_one("#banner").display:
                await pilot.pause(0.05)
        await pilot.pause()
        assert "Trying again" not in screen_text(pilot.app)

    with held(fresh) as process:
        go(fresh, partial(steps, holder=process))


def test_who_writes_into_the_store_is_named_while_a_query_waits(fresh: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.compare.screen.PATIENCE", 0.2)

    async def steps(pilot: Pilot[Any]) -> None:
        banner = compare_screen(pilot).query_one("#banner", Static)
        with held(fresh, by_us=True) as holder:
            compare_screen(pilot).query_one(SqlEditor).put("select 5 as five")
            await pilot.press("f5")
            await until(pilot, lambda: f"in use by pid {holder.pid}" in str(banner.render()) and banner.display)
            assert "esc stops" in screen_text(pilot.app)
            holder.communicate(b"")
        await until(pilot, lambda: "Result: 1 row " in screen_text(pilot.app) and not banner.display)

    go(fresh, steps)


@pytest.mark.parametrize("size", [WIDE, NARROW, TINY])
def test_every_pane_can_be_reached_at_every_size(fresh: Home, size: tuple[int, int]) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        screen = compare_screen(pilot)
        assert isinstance(pilot.app.focused, LensList)
        await pilot.press("down", "enter")
        await settled(pilot)
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

    go(fresh, steps, size)


def test_a_megabyte_is_pasted_and_kept(fresh: Home) -> None:
    text = "select 1 -- " + "x" * 100 + "\n"
    pasted = text * 9000

    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("s")
        editor = compare_screen(pilot).query_one(SqlEditor)
        pilot.app.post_message(Paste(pasted))
        await pilot.pause()
        await pilot.press("a", "b")
        assert editor.text == pasted + "ab"

    go(fresh, steps)
    assert (fresh.path / "drafts" / "compare.sql").read_text() == pasted + "ab"


def test_every_key_has_a_name_and_says_what_it_does() -> None:
    for owner in (CompareScreen, SqlEditor, LensList, ResultGrid, ChartView, RowView):
        for binding in owner.BINDINGS:
            assert isinstance(binding, Binding)
            assert binding.id
            assert binding.tooltip
