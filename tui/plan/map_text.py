"""All text of the map: its cells, the base formats of its rows, and what stands beside them where there is room."""

from collections.abc import Callable, Iterable, Mapping, Sequence
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
CellSites = Mapping[Cell, tuple[PlannedSite, ...]]


@dataclass(frozen=True, slots=True)
class RowText:
    """A row's cells, its base format, its trainable parameters, and the layer groups that it is in."""

    cells: tuple[CellText, ...]
    base: str
    params: int
    groups: str


@dataclass(frozen=True, slots=True)
class MapText:
    """The rows, and what all are drawn by: the scale of colours, the most parameters of a row, if any is in a group."""

    rows: tuple[RowText, ...]
    scale: Scale
    most: int
    grouped: bool

    def rows_unlike(self, other: "MapText") -> Iterable[int]:
        """The rows that look other than in another text of the same layers."""
        if (self.scale, self.most, self.grouped) != (other.scale, other.most, other.grouped):
            return range(len(self.rows))
        pairs = enumerate(zip(self.rows, other.rows, strict=True))
        return {row for row, (now, then) in pairs if now is not then and now != then}

    def beside_heading(self, room: int) -> str:
        return self._beside("", "params", "group", room)

    def beside(self, row: int, room: int) -> str:
        """The row's trainable parameters, a bar for them, and its groups: what there is room for."""
        found = self.rows[row]
        bar = "▇" * max(1, round((_BAR - 1) * found.params / self.most)) if found.params else ""
        return self._beside(bar, count(found.params), found.groups, room)

    def _beside(self, bar: str, params: str, group: str, room: int) -> str:
        grouped = _GROUP if self.grouped and room >= _COUNT + _GROUP else 0
        text = f" {bar:<{_BAR - 1}}" if room >= _BAR + _COUNT + grouped else ""
        text += f" {params:>{_COUNT - 1}}" if room >= _COUNT else ""
        return text + (f"  {group:<{_GROUP - 2}.{_GROUP - 2}}" if grouped else "")


def map_text(
    plan: Plan,
    layers: Layers,
    sites: CellSites,
    shown: Shown,
    measured: "Measured | None",
    before: MapText | None = None,
    changed: Iterable[int] = (),
) -> MapText:
    """`sites` is what the plan sets in every cell of the layers.

    After an edit, `before` is the text until then, of which only the `changed` rows are drawn anew.
    """
    draw = _row_drawing(plan, layers, sites, shown, measured)
    if before is None:
        rows = [draw(row) for row in range(layers.rows)]
    else:
        rows = list(before.rows)
        for row in changed:
            rows[row] = draw(row)
    return MapText(
        rows=tuple(rows),
        scale=scale_of((cell for row in rows for cell in row.cells), shown),
        most=max((row.params for row in rows), default=0),
        grouped=any(row.groups for row in rows),
    )


def _row_drawing(
    plan: Plan, layers: Layers, sites: CellSites, shown: Shown, measured: "Measured | None"
) -> Callable[[int], RowText]:
    groups = [(name, frozenset(members)) for name, members in plan.groups]
    draw = _cell_drawing(shown, measured)

    def drawn(row: int) -> RowText:
        cells = [sites[row, column] for column in range(layers.columns)]
        flat = [planned for cell in cells for planned in cell]
        return RowText(
            cells=tuple(map(draw, cells)),
            base=_one({planned.base.format for planned in flat}),
            params=sum(planned.trainable_params for planned in flat),
            groups=_groups(groups, flat),
        )

    return drawn


def _cell_drawing(shown: Shown, measured: "Measured | None") -> Callable[[tuple[PlannedSite, ...]], CellText]:
    """Cells of one site that are set alike have the same text; measured values are each their own."""
    known: dict[object, CellText] = {}

    def drawn(sites: tuple[PlannedSite, ...]) -> CellText:
        if len(sites) != 1 or shown is Shown.MEASURED:
            return cell_text(sites, shown, measured)
        planned = sites[0]
        key = planned.adapter, planned.base.format, planned.trainable_params
        if key not in known:
            known[key] = cell_text(sites, shown, measured)
        return known[key]

    return drawn


def _groups(groups: Sequence[tuple[str, frozenset[str]]], sites: Sequence[PlannedSite]) -> str:
    """The person's own groups that have sites in the row."""
    names = {planned.site.name for planned in sites} if groups else set()
    return ",".join(visible(name) for name, members in groups if not names.isdisjoint(members))


def _one(formats: set[str]) -> str:
    return next(iter(formats)) if len(formats) == 1 else MIXED
