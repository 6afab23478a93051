"""The sites of a model as a grid: a row per block (or per fold of blocks), a column per module."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from workbench.plan.model_map import ModelMap
from workbench.plan.plan import Plan, PlannedSite
from workbench.plan.site import Site

Cell = tuple[int, int]  # row and column


@dataclass(frozen=True, slots=True)
class Layers:
    """Where every site of a model stands. `fold` blocks share a row."""

    map: ModelMap
    fold: int = 1

    @property
    def rows(self) -> int:
        return -(-self.map.blocks // self.fold)

    @property
    def columns(self) -> int:
        return len(self.map.modules)

    def headings(self) -> tuple[str, ...]:
        return tuple(module.short for module in self.map.modules)

    def row_label(self, row: int) -> str:
        first, last = row * self.fold, min((row + 1) * self.fold, self.map.blocks) - 1
        return str(first) if first == last else f"{first}-{last}"

    def cell_of(self, site: Site) -> Cell:
        names = [module.name for module in self.map.modules]
        return site.block // self.fold, names.index(site.module)

    def by_cell(self, plan: Plan, rows: Iterable[int] | None = None) -> dict[Cell, tuple[PlannedSite, ...]]:
        """What the plan sets in every cell (of these rows); several sites where blocks are folded."""
        found: dict[Cell, tuple[PlannedSite, ...]] = {}
        for row in range(self.rows) if rows is None else rows:
            sites = plan.sites[row * self._in_row : (row + 1) * self._in_row]  # by blocks, and in each by modules
            found |= {(row, column): sites[column :: self.columns] for column in range(self.columns)}
        return found

    def rows_unlike(self, plan: Plan, other: Plan) -> frozenset[int]:
        """The rows with a site that is not the very same in another plan of this model."""
        pairs = enumerate(zip(plan.sites, other.sites, strict=True))
        return frozenset(place // self._in_row for place, (now, then) in pairs if now is not then)

    @property
    def _in_row(self) -> int:
        return self.fold * self.columns

    def sites(self, cells: Iterable[Cell]) -> list[Site]:
        """The sites of these cells, in the order of the model."""
        wanted = set(cells)
        return [site for site in self.map.sites if self.cell_of(site) in wanted]


def area(corner: Cell, other: Cell) -> frozenset[Cell]:
    """All cells of the rectangle between two of its corners."""
    rows, columns = ((min(a, b), max(a, b)) for a, b in zip(corner, other, strict=True))
    return frozenset((r, c) for r in range(rows[0], rows[1] + 1) for c in range(columns[0], columns[1] + 1))


def alike(layers: Layers, plan: Plan, cell: Cell) -> frozenset[Cell]:
    """All cells that are set exactly as this one."""
    cells = layers.by_cell(plan)
    wanted = _settings(cells.get(cell, ()))
    return frozenset(key for key, sites in cells.items() if _settings(sites) == wanted)


def _settings(sites: Iterable[PlannedSite]) -> frozenset[object]:
    return frozenset((planned.adapter, planned.base) for planned in sites)


def named(cells: frozenset[Cell], layers: Layers) -> Iterator[str]:
    """`blocks 12-15 × q,v` and the like, for headings: the rows and the columns that a selection touches."""
    rows = sorted({row for row, _ in cells})
    columns = sorted({column for _, column in cells})
    if len(rows) == layers.rows:
        yield "all blocks"
    else:
        first, last = layers.row_label(rows[0]).partition("-")[0], layers.row_label(rows[-1]).rpartition("-")[2]
        yield f"block {first}" if first == last else f"blocks {first}-{last}"
    names = layers.headings()
    yield "all modules" if len(columns) == layers.columns else ",".join(names[column] for column in columns)
