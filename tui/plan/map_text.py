"""All text of the map: its cells, the base formats of its rows, and what stands beside them where there is room."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.plan.cell_text import MIXED, CellText, Scale, Shown, cell_text, scale_of
from tui.plan.layers import Cell, Layers
from workbench.plan.plan import Plan, PlannedSite
from workbench.report.numbers import count
from workbench.report.plain import visible

if TYPE_CHECKING:
    from tui.plan.measured import Measured

_BAR, _COUNT, _GROUP = 7, 8, 10


@dataclass(frozen=True, slots=True)
class MapText:
    """By cell, and by row; `params` are the trainable parameters of a row, `groups` the layer groups that it is in."""

    cells: Mapping[Cell, CellText]
    bases: tuple[str, ...]
    params: tuple[int, ...]
    groups: tuple[str, ...]
    scale: Scale

    def rows_unlike(self, other: "MapText") -> Iterable[int]:
        """The rows that look other than in another text of the same layers; bars and columns are drawn by them all."""
        if (max(self.params), any(self.groups)) != (max(other.params), any(other.groups)):
            return range(len(self.params))
        beside = zip(self.bases, self.params, self.groups, strict=True)
        before = zip(other.bases, other.params, other.groups, strict=True)
        rows = {row for row, (now, then) in enumerate(zip(beside, before, strict=True)) if now != then}
        return rows | {cell[0] for cell, text in self.cells.items() if text != other.cells[cell]}

    def beside_heading(self, room: int) -> str:
        return self._beside("", "params", "group", room)

    def beside(self, row: int, room: int) -> str:
        """The row's trainable parameters, a bar for them, and its groups: what there is room for."""
        most = max(self.params, default=0)
        bar = "▇" * max(1, round((_BAR - 1) * self.params[row] / most)) if self.params[row] else ""
        return self._beside(bar, count(self.params[row]), self.groups[row], room)

    def _beside(self, bar: str, params: str, group: str, room: int) -> str:
        grouped = _GROUP if any(self.groups) and room >= _COUNT + _GROUP else 0
        text = f" {bar:<{_BAR - 1}}" if room >= _BAR + _COUNT + grouped else ""
        text += f" {params:>{_COUNT - 1}}" if room >= _COUNT else ""
        return text + (f"  {group:<{_GROUP - 2}.{_GROUP - 2}}" if grouped else "")


def map_text(
    plan: Plan,
    layers: Layers,
    sites: Mapping[Cell, tuple[PlannedSite, ...]],
    shown: Shown,
    measured: "Measured | None",
) -> MapText:
    """`sites` is what the plan sets in every cell of the layers."""
    scale = scale_of(sites.values(), shown, measured)
    columns = range(layers.columns)
    rows = [[p for column in columns for p in sites.get((row, column), ())] for row in range(layers.rows)]
    cells = {(row, column): sites.get((row, column), ()) for row in range(layers.rows) for column in columns}
    return MapText(
        cells=dict(_cells(cells, shown, scale, measured)),
        bases=tuple(_one({planned.base.format for planned in row}) for row in rows),
        params=tuple(sum(planned.trainable_params for planned in row) for row in rows),
        groups=_groups(plan, rows),
        scale=scale,
    )


def _cells(
    cells: Mapping[Cell, tuple[PlannedSite, ...]], shown: Shown, scale: Scale, measured: "Measured | None"
) -> Iterator[tuple[Cell, CellText]]:
    """Cells of one site that are set alike have the same text; measured values are each their own."""
    known: dict[object, CellText] = {}
    for cell, sites in cells.items():
        if len(sites) != 1 or shown is Shown.MEASURED:
            yield cell, cell_text(sites, shown, scale, measured)
            continue
        planned = sites[0]
        key = planned.adapter, planned.base.format, planned.trainable_params
        if key not in known:
            known[key] = cell_text(sites, shown, scale, measured)
        yield cell, known[key]


def _groups(plan: Plan, rows: list[list[PlannedSite]]) -> tuple[str, ...]:
    """The person's own groups that have sites in the row."""
    members = [(name, frozenset(sites)) for name, sites in plan.groups]
    return tuple(
        ",".join(visible(name) for name, sites in members if any(planned.site.name in sites for planned in row))
        for row in rows
    )


def _one(formats: set[str]) -> str:
    return next(iter(formats)) if len(formats) == 1 else MIXED if formats else ""
