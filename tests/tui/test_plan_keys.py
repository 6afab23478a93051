"""The Plan screen by keys and mouse: selections, edits, the brush, lines."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.pilot import drive, keys, screen_text
from tests.tui.plan_steps import adapted, chosen_cells, plan_screen, toasts
from tui.plan.layer_grid import CELL, LABEL, LayerGrid
from tui.plan.rule_line import RuleLine
from workbench.run.layout import Home

pytestmark = pytest.mark.screens
Screen = Pilot[Any]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_cells_are_chosen_by_rows_columns_kind_and_corner(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        await pilot.press("j", "V", "j")
        assert chosen_cells(pilot) == {(row, column) for row in (1, 2) for column in range(7)}
        assert "Blocks, 14 cells" in screen_text(pilot.app)
        await pilot.press("escape", "l", "c", "l")
        assert chosen_cells(pilot) == {(row, column) for row in range(6) for column in (1, 2)}
        await pilot.press("escape", "v", "down", "right", "o")
        assert plan_screen(pilot).grid.cursor == (2, 2)
        await pilot.press("left")
        assert chosen_cells(pilot) == {(row, column) for row in (2, 3) for column in (1, 2, 3)}
        await pilot.press("minus", "asterisk")
        assert len(chosen_cells(pilot)) == 6
        await pilot.press("a")
        assert len(chosen_cells(pilot)) == 42
        await pilot.press("escape", "shift+right", "shift+down")
        assert len(chosen_cells(pilot)) == 4
        await pilot.press("g", "home")
        assert plan_screen(pilot).grid.cursor == (0, 0)

    drive(home, steps)


def test_the_mouse_drags_an_area_and_a_click_chooses_a_cell(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        def place(row: int, column: int) -> tuple[int, int]:
            return (LABEL + column * CELL + 2 + 1, row + 1 + 1)  # inside of the border, below the heading

        await pilot.mouse_down(LayerGrid, offset=place(1, 1))
        await pilot.hover(LayerGrid, offset=place(3, 2))
        await pilot.mouse_up(LayerGrid, offset=place(3, 2))
        await pilot.pause()
        assert chosen_cells(pilot) == {(row, column) for row in (1, 2, 3) for column in (1, 2)}
        await pilot.click(LayerGrid, offset=place(4, 5))
        await pilot.pause()
        assert chosen_cells(pilot) == {(4, 5)}
        await pilot.press("backspace")
        assert plan_screen(pilot).draft.rules[-1] == "4 up off"

    drive(home, steps)


def test_the_brush_paints_what_was_set_last_or_picked(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        await pilot.press("r", *keys("4"), "enter", "down", "space")
        await pilot.pause()
        assert [p.adapter.r for p in adapted(pilot) if p.site.module == "q_proj" and p.adapter] == [
            4,
            4,
            16,
            16,
            16,
            16,
        ]
        await pilot.press("end", "P", "home", "space")
        await pilot.pause()
        assert [p.adapter.r for p in adapted(pilot) if p.site.module == "q_proj" and p.adapter] == [
            4,
            16,
            16,
            16,
            16,
            16,
        ]
        assert "method=lora r=16 alpha=2r" in screen_text(pilot.app)

    drive(home, steps)


def test_the_last_edit_is_repeated_at_another_selection(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        await pilot.press("m", "down", "right", "full_stop")
        await pilot.pause()
        assert plan_screen(pilot).draft.rules[-2:] == ("0 q method=rslora", "1 k method=rslora")
        await pilot.press("b", "left", "full_stop", "Y")
        await pilot.pause()
        assert pilot.app.clipboard.endswith("--rule '1 q base=fp4'")
        await pilot.press("y")
        assert pilot.app.clipboard == "1 q"

    drive(home, steps)


def test_nothing_to_repeat_is_said(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        await pilot.press("full_stop", "Y")
        await pilot.pause()
        first, second = toasts(pilot)
        assert "no edit to repeat" in first
        assert "no edit has been made" in second
        assert plan_screen(pilot).draft.rules == ("* all",)

    drive(home, steps)


def test_edits_of_folded_rows_are_edits_of_all_their_blocks(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        await pilot.press("r", *keys("8"), "enter", "Z")
        await pilot.pause()
        assert "≈" in screen_text(pilot.app)
        await pilot.press("minus", "n", *keys("top"), "enter", "V", "backspace", "colon", *keys("@top r=2"), "enter")
        await pilot.pause()
        ranks = {p.site.block: p.adapter.r for p in adapted(pilot) if p.site.module == "q_proj" and p.adapter}
        assert ranks == {0: 2, 1: 2, 2: 2, 3: 2, 4: 16, 5: 16}
        assert {p.site.block for p in adapted(pilot) if p.site.module == "k_proj"} == {4, 5}
        await pilot.press("Z", "u", "u")
        await pilot.pause()
        assert len(adapted(pilot)) == 42

    drive(home, steps)


def test_a_line_completes_by_tab_and_points_at_what_is_wrong(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        await pilot.press("colon", *keys("upp"))
        await pilot.pause()
        await pilot.press("tab", *keys(" mlp r=x"))
        await pilot.pause()
        assert plan_screen(pilot).query_one("#rule", Input).value == "upper mlp r=x"
        says = next(line for line in screen_text(pilot.app).splitlines() if "expected a whole number" in line)
        assert says.index("^") == len(" upper mlp r=")
        await pilot.press("backspace", "4")
        await pilot.pause()
        assert "6 sites, shown as ( ) on the map" in screen_text(pilot.app)
        assert "(L16 )" in screen_text(pilot.app)

    drive(home, steps)


def test_a_megabyte_pasted_into_the_line_is_refused(home: Home) -> None:
    from textual.events import Paste

    async def steps(pilot: Screen) -> None:
        await pilot.press("colon")
        line = plan_screen(pilot).query_one("#rule", Input)
        line.post_message(Paste("* all r=4 " * 100_000))
        await pilot.pause()
        assert line.value == ""
        await pilot.press("escape")
        assert not plan_screen(pilot).query_one(RuleLine).is_open

    drive(home, steps)
