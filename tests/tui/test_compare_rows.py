"""What a row of a result stands for: its runs, and the layers that it speaks of."""

from typing import Any

import pytest

from tui.compare.chart.drawing import plain
from tui.compare.chart.layers import draw_layers
from tui.compare.layer_heat import LayerHeat, Site, layer_heat
from tui.compare.row_runs import names_in, runs_query
from tui.widgets.result_table import ResultTable, result_table
from workbench.errors import UsageError


def _sites(blocks: int = 3) -> list[Site]:
    found = []
    for block in range(blocks):
        band = ("lower", "middle", "upper")[block * 3 // blocks]
        for module, kind in (("q_proj", "attention"), ("up_proj", "mlp")):
            groups = frozenset({"all", kind, band, f"{band} {kind}", module, str(block)})
            found.append(Site(block, module, f"model.layers.{block}.x.{module}", groups))
    return found


def _table(columns: list[str], types: list[str], rows: list[tuple[Any, ...]]) -> ResultTable:
    return result_table(columns, types, tuple(rows))


@pytest.mark.parametrize(
    ("row", "values", "expected"),
    [
        ({"run_id": "0123456789ab", "arm": "x"}, {}, {"run_id": "0123456789ab"}),
        ({"run": "attn-s1"}, {}, {"name": "attn-s1"}),
        ({"run": "0123456789ab"}, {}, {"run_id": "0123456789ab"}),
        ({"ARM": "cut", "seed": 2}, {"study": "s"}, {"arm": "cut", "study": "s", "seed": "2"}),
        ({"arm": "cut", "group_name": "mlp"}, {"study": None}, {"arm": "cut"}),
        ({"group": "mlp", "n": 3}, {}, {"group": "mlp"}),
        ({"seed": 1, "loss": 0.5}, {}, {}),
        ({"arm": None}, {}, {}),
    ],
)
def test_a_row_names_runs_by_its_columns(row: dict[str, Any], values: dict[str, Any], expected: dict[str, str]) -> None:
    assert names_in(list(row), list(row.values()), values) == expected


def test_names_with_quotes_stay_names() -> None:
    assert "name = 'a''; drop table runs --'" in runs_query({"name": "a'; drop table runs --"})


def test_a_group_colours_its_layers_for_the_arm_under_the_cursor() -> None:
    rows = [("a", "attention", 3, 1.0), ("a", "mlp", 3, 5.0), ("b", "attention", 2, 7.0), ("b", "mlp", 2, 8.0)]
    table = _table(["arm", "group_name", "n", "norm"], ["VARCHAR", "VARCHAR", "BIGINT", "DOUBLE"], rows)
    heat = layer_heat(table, 1, 0, _sites())
    assert (heat.number, heat.of, heat.n) == ("norm", "arm a", (3, 3))
    assert heat.cells[(0, "q_proj")] == 1.0
    assert heat.cells[(2, "up_proj")] == 5.0
    assert layer_heat(table, 3, 3, _sites()).n == (2, 2)


@pytest.mark.parametrize(
    ("columns", "row", "cells"),
    [
        (["block", "module", "v"], (1, "q_proj", 2.0), {(1, "q_proj")}),
        (["site", "v"], ("model.layers.2.mlp.up_proj", 2.0), {(2, "up_proj")}),
        (["layer_type", "band", "v"], ("mlp", "upper", 2.0), {(2, "up_proj")}),
        (["layer_type", "band", "v"], ("all", "upper", 2.0), {(2, "q_proj"), (2, "up_proj")}),
        (["module", "v"], ("q_proj", 2.0), {(0, "q_proj"), (1, "q_proj"), (2, "q_proj")}),
        (["block", "v"], (1, 2.0), {(1, "q_proj"), (1, "up_proj")}),
        (["group_name", "v"], ("lower mlp", 2.0), {(0, "up_proj")}),
    ],
)
def test_places_of_every_kind_are_understood(columns: list[str], row: tuple[Any, ...], cells: set[Any]) -> None:
    types = [
        "INTEGER" if isinstance(value, int) else "DOUBLE" if isinstance(value, float) else "VARCHAR" for value in row
    ]
    assert set(layer_heat(_table(columns, types, [row]), 0, 0, _sites()).cells) == cells


def test_arms_that_each_change_one_group_are_painted_together() -> None:
    rows = [("r/2", "mlp", "a", 0.1), ("r/2", "attention", "b", 0.2), ("r/4", "mlp", "c", 0.9)]
    table = _table(["change", "layer_type", "arm", "delta"], ["VARCHAR", "VARCHAR", "VARCHAR", "DOUBLE"], rows)
    heat = layer_heat(table, 0, 3, _sites())
    assert set(heat.cells.values()) == {0.1, 0.2}
    assert heat.of == "change r/2"


def test_what_cannot_be_painted_is_said() -> None:
    with pytest.raises(UsageError, match="no row says which layers"):
        layer_heat(_table(["arm", "v"], ["VARCHAR", "DOUBLE"], [("a", 1.0)]), 0, 1, _sites())
    with pytest.raises(UsageError, match="no number to paint"):
        layer_heat(_table(["module", "n"], ["VARCHAR", "BIGINT"], [("q_proj", 1)]), 0, 0, _sites())
    twice = _table(["module", "v"], ["VARCHAR", "DOUBLE"], [("q_proj", 1.0), ("q_proj", 2.0)])
    with pytest.raises(UsageError, match="several rows are of block 0, q_proj"):
        layer_heat(twice, 0, 1, _sites())


def test_the_strip_is_read_without_colours_and_says_its_n() -> None:
    cells = {(0, "q_proj"): 1.0, (1, "q_proj"): 2.0, (2, "q_proj"): 10.0}
    sites = tuple((site.block, site.module) for site in _sites())
    drawn = plain(draw_layers(LayerHeat("norm", "arm a", cells, sites, (2, 3)), 40))
    assert drawn.splitlines() == [
        "norm · n=2–3, fewer than 3",
        "arm a",
        "  block    0   1   2",
        " q_proj    0   1   9",
        "up_proj    ·   ·   ·",
        "1 0123456789 10",
    ]


@pytest.mark.parametrize("blocks", [1, 28, 128])
def test_a_strip_of_any_depth_fits_where_it_can(blocks: int) -> None:
    cells = {(site.block, site.module): float(site.block) for site in _sites(blocks)}
    lines = plain(draw_layers(LayerHeat("v", "", cells, tuple(cells), None), 150)).splitlines()
    assert all(len(line) <= 150 for line in lines)
    row = next(line for line in lines if line.lstrip().startswith("q_proj"))
    assert sum(char.isdigit() for char in row) == blocks
