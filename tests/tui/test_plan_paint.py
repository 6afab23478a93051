"""What a key on the Plan screen paints anew: a key is to be answered in a few milliseconds on a thousand sites."""

import random
from pathlib import Path
from typing import Any

import pytest
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widgets import Static

from tests.tui.pilot import NARROW, WIDE, at_once, drive, screen_text, until
from tests.tui.plan_steps import plan_screen
from tests.unit.plan.support import write_llama
from tui.plan.cell_text import Shown
from tui.plan.inspector import Inspector
from tui.plan.layer_grid import LayerGrid
from tui.plan.layers import Layers
from tui.plan.map_text import MapText, map_text
from tui.plan.screen import PlanScreen
from tui.widgets.saying import say
from workbench.plan.files import check_text
from workbench.plan.plan import Plan
from workbench.run.layout import Home


def _plan(home: Home, *rules: str) -> Plan:
    text = "model: demo\nrules:\n" + "".join(f'  - "{rule}"\n' for rule in ("* all r=8", *rules))
    plan = check_text(text, home.plans / "p.yaml", home).plan
    assert plan is not None
    return plan


def _text(plan: Plan) -> MapText:
    layers = Layers(plan.map)
    return map_text(plan, layers, layers.by_cell(plan), Shown.RANK, None)


@pytest.mark.parametrize(
    ("rules", "rows"),
    [
        ((), set()),
        (("2 q r=4",), {2}),
        (("1 q base=int8",), {1}),
        (("1 all off", "3 v method=dora"), set(range(6))),  # a row trains more than any before: all bars are others
    ],
)
def test_only_rows_that_look_otherwise_are_painted(tmp_path: Path, rules: tuple[str, ...], rows: set[int]) -> None:
    home = Home(tmp_path)
    assert set(_text(_plan(home, *rules)).rows_unlike(_text(_plan(home)))) == rows


def _painted(grid: LayerGrid) -> list[Region]:
    """What is to be painted of it, and forgets it."""
    return sorted(grid._exchange_repaint_regions())


def test_moving_paints_two_rows(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        grid = pilot.app.screen.query_one(LayerGrid)
        _painted(grid)
        grid.action_move(1, 0)
        assert [region.height for region in _painted(grid)] == [1, 1]
        grid.action_move(0, 1)
        assert [region.height for region in _painted(grid)] == [1]

    drive(Home(tmp_path), steps)


def test_words_that_are_the_same_lay_nothing_out(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        part = pilot.app.screen.query_one(Inspector).query_one("#selection", Static)
        say(part, "one line")
        await until(pilot, lambda: part.size.height == 1)
        layouts = part._layout_updates
        say(part, "another")
        await pilot.pause()
        assert (part.size.height, part._layout_updates) == (1, layouts)
        say(part, "one\ntwo")
        await until(pilot, lambda: part.size.height == 2)

    drive(Home(tmp_path), steps)


def test_keys_that_come_together_are_told_once(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("plus", "j", "plus", "j", "l")
        await pilot.pause()
        screen = pilot.app.screen
        assert isinstance(screen, PlanScreen)
        said = str(screen.query_one(Inspector).query_one("#selection", Static).render())
        assert said.startswith("block 2 × k")
        assert len(screen.draft.rules) == 3

    drive(Home(tmp_path), steps)


_SIZES = {"narrow": NARROW, "wide": WIDE}
_STEPS = (
    *(*["down"] * 8, "up", "right", "pagedown", "pageup", "G", "g", "plus", "minus", "backspace", "space"),
    *("v", "shift+down", "shift+up", "escape", "u", "asterisk", "V", "C", "wheel down", "wheel up", "narrow", "wide"),
)


@pytest.mark.parametrize("seed", range(2))
def test_rows_that_moved_look_as_if_painted_anew(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    model = str(write_llama(tmp_path / "deep", blocks=40))

    async def steps(pilot: Pilot[Any]) -> None:
        grid = plan_screen(pilot).grid
        seen = set()
        for _ in range(50):
            step = chance.choice(_STEPS)
            if step.startswith("wheel"):
                grid.scroll_relative(y=2 if step.endswith("down") else -2, animate=False, immediate=True)
            elif step in _SIZES:
                await pilot.resize_terminal(*_SIZES[step])
            else:
                at_once(pilot, step)
            await pilot.pause(0.04)  # bars of other rows follow with the next paint
            shown = grid.render_lines(grid.outer_size.region)
            grid.refresh()
            assert shown == grid.render_lines(grid.outer_size.region), step
            seen.add(grid.scroll_offset.y)
        assert len(seen) > 2

    drive(Home(tmp_path / "home"), steps, NARROW, model)


def test_folded_rows_stand_in_line_however_long_their_numbers(tmp_path: Path) -> None:
    model = str(write_llama(tmp_path / "deep", blocks=128))

    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("Z")
        await until(pilot, lambda: "100-103" in screen_text(pilot.app))
        rows = [line for line in screen_text(pilot.app).splitlines() if " nf4 " in line]
        assert len({(row.index("nf4"), row.rindex("L8"), len(row)) for row in rows}) == 1

    drive(Home(tmp_path / "home"), steps, model=model)
