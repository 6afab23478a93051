"""A part of a screen is painted as Textual paints it, by those widgets alone that have something in it."""

from pathlib import Path
from typing import Any

import pytest
from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.pilot import Pilot

from tests.tui.pilot import NARROW, WIDE, drive
from tui.plan.layer_grid import LayerGrid
from tui.shell.near import NearCompositor
from workbench.run.layout import Home

PARTS = [
    [Region(1, 3, 40, 1)],
    [Region(1, 3, 40, 1), Region(1, 9, 40, 1)],
    [Region(0, 0, 80, 2), Region(30, 5, 50, 3)],
    [Region(60, 20, 20, 4)],
    [Region(0, 0, 80, 24)],
]


def _painted(compositor: Compositor, kind: type[Compositor], regions: list[Region], app: Any) -> str:
    """What goes to the terminal for these regions, by the compositor of that kind."""
    compositor._dirty_regions = set(regions)
    before, compositor.__class__ = compositor.__class__, kind
    try:
        update = compositor.render_partial_update()
    finally:
        compositor.__class__ = before
    assert isinstance(update, ChopsUpdate)
    return update.render_segments(app.console)


@pytest.mark.parametrize("size", [WIDE, NARROW])
@pytest.mark.parametrize("key", ["1", "2", "3", "4"])
def test_parts_are_painted_as_textual_paints_them(tmp_path: Path, key: str, size: tuple[int, int]) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press(key)
        await pilot.pause(0.3)
        compositor = pilot.app.screen._compositor
        assert isinstance(compositor, NearCompositor)
        for regions in PARTS:
            near = _painted(compositor, NearCompositor, regions, pilot.app)
            assert near == _painted(compositor, Compositor, regions, pilot.app)
            assert near

    drive(Home(tmp_path), steps, size)


def test_a_row_of_the_map_asks_nothing_beside_it(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.pause(0.3)
        screen = pilot.app.screen
        grid = screen.query_one(LayerGrid)
        asked = [
            widget
            for region, _, _ in screen._compositor._get_renders(Region(grid.region.x + 1, 4, 30, 1))
            for widget, (own, _) in screen._compositor.visible_widgets.items()
            if own == region
        ]
        assert grid in asked
        assert not {widget.id for widget in asked} & {"title", "inspector", "legend", "status"}

    drive(Home(tmp_path), steps)
