"""Which cells are chosen: an area, whole rows or columns between two corners, or any cells at all."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from tui.plan.layers import Cell, Layers, area


class Kind(StrEnum):
    """What stands between the anchor and the cursor."""

    AREA = "Area"
    ROWS = "Blocks"
    COLUMNS = "Columns"


@dataclass(frozen=True, slots=True)
class Selection:
    """From an anchor to the cursor, or `cells` wherever the cursor is, or the cursor's own cell."""

    kind: Kind = Kind.AREA
    anchor: Cell | None = None
    cells: frozenset[Cell] | None = None

    @property
    def is_open(self) -> bool:
        """Whether moving the cursor extends it."""
        return self.anchor is not None

    def chosen(self, cursor: Cell, layers: Layers) -> frozenset[Cell]:
        if self.cells is not None:
            return self.cells
        (top, left), (bottom, right) = self.anchor or cursor, cursor
        if self.kind is Kind.ROWS and self.is_open:
            left, right = 0, layers.columns - 1
        elif self.kind is Kind.COLUMNS and self.is_open:
            top, bottom = 0, layers.rows - 1
        return area((top, left), (bottom, right))

    def toggled(self, kind: Kind, cursor: Cell) -> "Selection":
        """Begins that kind at the cursor, turns an open one into it, and ends one that it is already."""
        if self.anchor is None:
            return Selection(kind, cursor)
        return Selection() if self.kind is kind else replace(self, kind=kind)

    def extended(self, cursor: Cell) -> "Selection":
        """Open, from the cursor where it was not."""
        return self if self.is_open else Selection(Kind.AREA, cursor)

    def moved(self) -> "Selection":
        """What is left of it when the cursor moves."""
        return self if self.is_open else Selection()

    def said(self, count: int) -> str:
        """For the title of the map; "" where the cursor's cell alone is chosen."""
        if self.cells is not None:
            return f"{count} cells"
        return f"{self.kind}, {count} cells" if self.is_open else ""


def chosen_cells(cells: Iterable[Cell]) -> Selection:
    return Selection(cells=frozenset(cells))
