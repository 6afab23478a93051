"""The Compare screen by its keys, over the real store: what stands on it, and what it leaves in the home."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.compare_steps import compare_screen, go, run_sql, says, settled
from tests.tui.pilot import NARROW, WIDE, keys, screen_text, until
from tui.compare.editor import SqlEditor
from tui.compare.row_view import RowView
from tui.compare.screen import CompareScreen
from tui.runs.screen import RunsScreen
from workbench.run.layout import Home

pytestmark = pytest.mark.screens


def test_a_lens_is_run_by_two_keys_and_drawn_with_every_n(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        assert "21 finished runs · study cut" in screen_text(pilot.app)
        await pilot.press("down", "enter")
        text = await settled(pilot)
        assert "$study=cut · $baseline=base" in text
        assert "Result: 36 rows" in text
        assert "0.08667 n=3" in text
        assert "0.205 n=2" in text
        assert "study cut, the only one here" in text
        compare_screen(pilot).query_one(SqlEditor).put("select 'not run yet'")
        await pilot.press("Y")
        told = f"workbench --home {fresh.path} lens run 'delta to baseline' --study cut --baseline base"
        assert pilot.app.clipboard == told
        await pilot.press("y")
        assert pilot.app.clipboard.startswith("metric\tarm\t")

    go(fresh, steps)


def test_what_is_pinned_on_runs_is_the_baseline_here(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2", "slash", *keys("plan:mlp-2"), "enter")
        runs = next(one for one in pilot.app.screen_stack if isinstance(one, RunsScreen))
        await until(pilot, lambda: runs._current is not None and runs._current.plan == "mlp-2")
        await pilot.press("p", "3", "down", "enter")
        await until(pilot, lambda: "the baseline is mlp-2, of which a run is pinned" in screen_text(pilot.app))
        assert "$study=cut · $baseline=mlp-2" in screen_text(pilot.app)
        await pilot.press("2", "p", "3")
        compare_screen(pilot)._run()
        await until(pilot, lambda: "$study=cut · $baseline=base" in screen_text(pilot.app))

    go(fresh, steps)


def test_an_error_stands_under_the_editor_in_duckdbs_words_and_the_old_rows_say_that_they_are_old(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await run_sql(pilot, "select 7 as answer")
        text = await run_sql(pilot, "select 1;\n\nselect los\nfrom run_summary")
        assert "Result: 1 row " in text  # the cursor is in the first statement
        await pilot.press("s", *["down"] * 3, "alt+enter")
        text = await settled(pilot)
        assert 'Referenced column "los" not found' in text
        lines = text.splitlines()
        row = next(i for i, line in enumerate(lines) if "LINE 1: select los" in line)
        assert lines[row + 1].index("^") == lines[row].index("los")
        assert "LINE 1 is line 3 here" in text
        assert "Of the query before · Result" in text

    go(fresh, steps)


def test_escape_stops_a_query_at_once(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        compare_screen(pilot).query_one(SqlEditor).put("select count(*) from range(10000000) a, range(10000000) b")
        await pilot.press("s", "f5")
        assert compare_screen(pilot).running
        await pilot.press("escape")
        assert not compare_screen(pilot).running
        assert says(pilot) == "stopped before there was an answer"
        assert "Result: 1 row" in await run_sql(pilot, "select 1")

    go(fresh, steps)


def test_a_second_query_takes_the_place_of_the_first(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        compare_screen(pilot).query_one(SqlEditor).put("select count(*) from range(10000000) a, range(10000000) b")
        await pilot.press("f5")
        await run_sql(pilot, "select 42 as answer")
        answer = compare_screen(pilot).answer
        assert answer is not None
        assert answer.table.rows == ((42,),)

    go(fresh, steps)


def test_names_are_completed_at_tab(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("s", *keys("from run_sum"))
        assert "tab run_summary" in screen_text(pilot.app)
        await pilot.press("tab", "space", *keys("where tr"), "tab")
        editor = compare_screen(pilot).query_one(SqlEditor)
        assert editor.text == "from run_summary where trainable_params"
        await pilot.press("tab", "tab")
        assert editor.text.startswith("from run_summary where tr")
        await pilot.press("left", "right", "right")
        assert len(editor.text.split()) == 4 or editor.text.endswith("    ")

    go(fresh, steps)


def test_what_was_typed_and_run_outlives_the_program(fresh: Home) -> None:
    async def write(pilot: Pilot[Any]) -> None:
        await run_sql(pilot, "select 1 as one")
        await pilot.press("s")
        compare_screen(pilot).query_one(SqlEditor).put("select 2 as half")

    async def look(pilot: Pilot[Any]) -> None:
        editor = compare_screen(pilot).query_one(SqlEditor)
        assert editor.text == "select 2 as half"
        await pilot.press("s", "alt+up")
        await pilot.pause()
        assert editor.text == "select 1 as one"
        await pilot.press("alt+down")
        await pilot.pause()
        assert editor.text == "select 2 as half"

    go(fresh, write)
    go(fresh, look)


def test_a_lens_does_not_swallow_what_was_in_the_editor(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        editor = compare_screen(pilot).query_one(SqlEditor)
        editor.put("select 'mine'")
        await pilot.press("enter")
        await settled(pilot)
        assert "What every arm cost" in editor.text
        await pilot.press("s", "ctrl+z")
        assert editor.text == "select 'mine'"
        await pilot.press("alt+up")
        await pilot.pause()
        assert "What every arm cost" in editor.text

    go(fresh, steps)


def test_values_are_chosen_in_a_line(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("end", "enter")
        await settled(pilot)
        await pilot.press("p")
        assert "metric: exact_match, exact_match@int4" in " ".join(screen_text(pilot.app).split())
        await pilot.press("ctrl+u", *keys("metrik=x"), "enter")
        await pilot.pause()
        assert "did you mean 'metric'" in screen_text(pilot.app)
        await pilot.press("ctrl+u", *keys("metric=exact_match"), "enter")
        assert "$metric=exact_match" in await settled(pilot)
        await pilot.press("p", "ctrl+u", *keys("metric=exact_mach"), "enter")
        assert "did you mean 'exact_match'" in await settled(pilot)

    go(fresh, steps)


def test_a_statement_is_kept_as_a_lens(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await run_sql(pilot, "-- title: By [loss]\nselect plan, loss from run_summary order by loss")
        await pilot.press("escape", "S", *keys("by loss"), "enter")
        assert "+ by loss" in await settled(pilot)
        await pilot.press("S", *keys("by loss"), "enter")
        await settled(pilot)
        assert "end it in !" in " ".join(screen_text(pilot.app).split())
        await pilot.press("exclamation_mark", "enter")
        await settled(pilot)
        assert not compare_screen(pilot).query_one("AskLine").has_class("-open")

    go(fresh, steps)
    assert "-- title: By [loss]" in (fresh.path / "lenses" / "by-loss.sql").read_text()


def test_rows_are_exported_beside_an_error_that_names_the_forms(fresh: Home, tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await run_sql(pilot, "select range i from range(3)")
        await pilot.press("escape", "w")
        for char in f"{tmp_path}/r.xls":
            await pilot.press(*keys(char))
        await pilot.press("enter")
        assert "is no form of export" in await settled(pilot)
        await pilot.press("backspace", "backspace", "backspace", *keys("csv"), "enter")
        await settled(pilot)

    go(fresh, steps)
    assert (tmp_path / "r.csv").read_text() == "i\n0\n1\n2\n"


def test_a_cut_result_says_which_limit_cut_it(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        text = await run_sql(pilot, "select range i from range(12345)")
        assert "Result: 10,000 shown of 12,345 rows · L all" in text
        await pilot.press("escape", "L", "G")
        await pilot.pause()
        assert "12344" in screen_text(pilot.app)
        assert "10,000 of 100,000 fetched · cut" in await run_sql(pilot, "from range(200000)")

    go(fresh, steps)


def test_a_row_is_seen_in_full_and_texts_are_no_markup(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        text = await run_sql(
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
        assert "[/x]" in await run_sql(pilot, "select error('[/x] [bold')")

    go(fresh, steps)


def test_a_row_opens_its_runs_or_says_why_not(fresh: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await run_sql(pilot, "select 7 as other")
        await pilot.press("escape", "enter")
        await settled(pilot)
        assert "this row names no runs" in says(pilot)
        await run_sql(pilot, "select 'nowhere' as plan")
        await pilot.press("escape", "enter")
        await settled(pilot)
        assert "no runs of plan nowhere" in says(pilot)
        await run_sql(pilot, "select 'mlp-2' as arm, 7 as other")
        await pilot.press("escape", "enter")
        async with asyncio.timeout(30):
            while not isinstance(pilot.app.screen, RunsScreen) or "shown by run:" not in screen_text(pilot.app):
                await pilot.pause(0.05)
        assert "3 shown by run:" in screen_text(pilot.app)

    go(fresh, steps)


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_a_number_is_painted_on_the_layers_and_taken_off_again(fresh: Home, size: tuple[int, int]) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await run_sql(
            pilot, "select 'base' as arm, unnest(['attention', 'mlp']) as group_name, 3 n, unnest([1.5, 4]) as v"
        )
        await pilot.press("escape", "H")
        await settled(pilot)
        await pilot.pause()
        text = screen_text(pilot.app)
        assert "v by layer" in text
        assert "v · n=3" in text
        assert re.search(r"q_proj +0 +0 +0", text)
        assert re.search(r"up_proj +9 +9 +9", text)
        await pilot.press("H")
        await pilot.pause()
        assert "v by layer" not in screen_text(pilot.app)
        await run_sql(pilot, "select 1 as v")
        await pilot.press("escape", "H")
        await settled(pilot)
        assert "no row says which layers it is of" in says(pilot)

    go(fresh, steps, size)
