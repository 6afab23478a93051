"""A number of a result laid over the layers that its rows speak of: one cell per block and module."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.compare.chart.points import COUNTS
from tui.widgets.result_table import ResultTable, is_number, written
from workbench.errors import UsageError

Cell = tuple[int, str]  # block and module
GROUP = ("group_name", "group", "layer_group")
_PLACES = ("block", "module", "site", "layer_type", "band", *GROUP)
_RUNS = ("run_id", "run", "name", "arm", "plan", "seed")  # may differ where each row is an arm of its own
_ALIKE = (*_RUNS, "study", "metric", "evaluator", "change", "target")
_BLOCK = re.compile(r"\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class Site:
    """A linear layer of a model with every layer group that it is in, built-in ones among them."""

    block: int
    module: str
    name: str
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class LayerHeat:
    """`number` of `of` by cell; `n` are the least and the greatest counts behind it, None where they are not told."""

    number: str
    of: str
    cells: Mapping[Cell, float]
    sites: tuple[Cell, ...]
    n: tuple[int, int] | None


def layer_heat(table: ResultTable, row: int, column: int, sites: Sequence[Site]) -> LayerHeat:
    """The number under the cursor, or the first one, of the rows like this one. Raises UsageError saying why not."""
    columns = {name.lower(): i for i, name in reversed(list(enumerate(table.columns)))}
    places = [name for name in _PLACES if name in columns]
    if not places:
        raise UsageError("no row says which layers it is of", f"a column {', '.join(_PLACES[:6])} tells")
    at = _number_column(table, column, columns)
    rows = _alike(table, row, columns, places)
    cells: dict[Cell, float] = {}
    for values in rows:
        found = _cells({name: values[columns[name]] for name in places}, sites)
        if twice := next((cell for cell in found if cell in cells), None):
            raise UsageError(
                f"several rows are of block {twice[0]}, {twice[1]}", "narrow the query: one metric, one grouping"
            )
        if is_number(values[at]):
            cells |= dict.fromkeys(found, float(values[at]))
    if not cells:
        raise UsageError(f"no row has a number in {table.headings[at]} and layers of this model", "choose another cell")
    counts = [int(v[columns[name]]) for v in rows for name in COUNTS if name in columns and is_number(v[columns[name]])]
    said = ", ".join(_said(rows, columns))
    known = tuple(dict.fromkeys((site.block, site.module) for site in sites))
    return LayerHeat(table.headings[at], said, cells, known, (min(counts), max(counts)) if counts else None)


def _number_column(table: ResultTable, column: int, columns: Mapping[str, int]) -> int:
    """The cursor's where it holds numbers to paint, else the first that does."""
    other = {columns[name] for name in (*_PLACES, *COUNTS, "seed") if name in columns}
    paintable = [i for i, numeric in enumerate(table.numeric) if numeric and i not in other]
    if not paintable:
        raise UsageError("the result has no number to paint", "select one beside the layers")
    return column if column in paintable else paintable[0]


def _alike(table: ResultTable, row: int, columns: Mapping[str, int], places: Sequence[str]) -> list[tuple[Any, ...]]:
    """The rows of the same run, arm, metric and so on; where that leaves one place alone, of whatever arm."""

    def rows(names: Sequence[str]) -> list[tuple[Any, ...]]:
        at = [columns[name] for name in names if name in columns]
        return [one for one in table.rows if all(one[i] == table.rows[row][i] for i in at)]

    same = rows(_ALIKE)
    if len({tuple(one[columns[name]] for name in places) for one in same}) > 1:
        return same
    return rows([name for name in _ALIKE if name not in _RUNS])


def _cells(place: Mapping[str, Any], sites: Sequence[Site]) -> list[Cell]:
    """The cells of a row; `all` and NULL are no bounds, and a row without any bound is of no layers."""
    bounds = {name: str(value) for name, value in place.items() if value is not None and value != "all"}
    if not bounds and not any(value == "all" for value in place.values()):
        return []
    if "site" in bounds and not any(site.name == bounds["site"] for site in sites):
        block = _BLOCK.search(bounds["site"])
        return [(int(block[1]), bounds["site"].rsplit(".", 1)[-1])] if block else []
    if {"block", "module"} <= bounds.keys() and bounds["block"].isdecimal():
        return [(int(bounds["block"]), bounds["module"])]
    found = (site for site in sites if all(_is_in(site, name, value) for name, value in bounds.items()))
    return list(dict.fromkeys((site.block, site.module) for site in found))


def _is_in(site: Site, name: str, value: str) -> bool:
    exact = {"block": str(site.block), "module": site.module, "site": site.name}
    return exact[name] == value if name in exact else value in site.groups


def _said(rows: Sequence[Sequence[Any]], columns: Mapping[str, int]) -> list[str]:
    """What all rows share, in words."""
    shared = {name: {one[columns[name]] for one in rows} for name in _ALIKE if name in columns}
    return [f"{name} {written(next(iter(found)))}" for name, found in shared.items() if len(found) == 1]
