"""The map of a model's layers: one widget that draws its own lines, however many blocks there are."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.color import Color, Gradient
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.plan.cell_text import CellText, Shown, cell_text, largest
from tui.plan.layers import Cell, Layers, alike, area
from workbench.plan.plan import Plan

CELL, LABEL = 6, 8
_SCALE = Gradient.from_colors("#f7f4f0", "#e3c08a", "#b5701d", "#6b3a06")  # light to dark brown, read without hue


@dataclass(frozen=True, slots=True)
class Chosen:
    """The cells that an edit is about, and the one under the cursor."""

    cursor: Cell
    cells: frozenset[Cell]


class LayerGrid(ScrollView, can_focus=True):
    """Shows a plan and lets cells be chosen. It changes nothing: edits are the screen's."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "grid--label",
        "grid--none",
        "grid--adapted",
        "grid--mixed",
        "grid--cursor",
        "grid--chosen",
        "grid--touched",
    }
    DEFAULT_CSS = """
    LayerGrid {
        height: 1fr;
        & .grid--label { color: $text-muted; }
        & .grid--none { color: $text-disabled; }
        & .grid--adapted { color: $text-success; }
        & .grid--mixed { color: $text-warning; }
        & .grid--chosen { background: $primary 45%; }
        & .grid--touched { background: $warning 40%; }
        & .grid--cursor { text-style: bold reverse; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1, 0)", "Up", show=False, id="grid.up", tooltip="One block up"),
        Binding("down,j", "move(1, 0)", "Down", show=False, id="grid.down", tooltip="One block down"),
        Binding("left,h", "move(0, -1)", "Left", show=False, id="grid.left", tooltip="One module to the left"),
        Binding("right,l", "move(0, 1)", "Right", show=False, id="grid.right", tooltip="One module to the right"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="grid.page_up", tooltip="A page of blocks up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="grid.page_down", tooltip="A page of blocks down"),
        Binding("g,home", "to_row(0)", "First", show=False, id="grid.first", tooltip="To the first block"),
        Binding("G,end", "to_row(-1)", "Last", show=False, id="grid.last", tooltip="To the last block"),
        Binding("shift+up", "extend(-1, 0)", "Extend up", show=False, id="grid.extend_up", tooltip="Area one block up"),
        Binding(
            "shift+down", "extend(1, 0)", "Extend down", show=False, id="grid.extend_down", tooltip="Area one down"
        ),
        Binding("shift+left", "extend(0, -1)", "Extend left", show=False, id="grid.extend_left", tooltip="Area left"),
        Binding(
            "shift+right", "extend(0, 1)", "Extend right", show=False, id="grid.extend_right", tooltip="Area right"
        ),
        Binding("v", "area", "Area", id="grid.area", tooltip="Begin or end an area at the cursor"),
        Binding("V", "rows", "Blocks", show=False, id="grid.rows", tooltip="Choose whole blocks"),
        Binding("c", "columns", "Column", show=False, id="grid.columns", tooltip="Choose whole modules"),
        Binding("a", "all", "All", show=False, id="grid.all", tooltip="Choose every cell"),
        Binding("asterisk", "alike", "Alike", show=False, id="grid.alike", tooltip="Choose cells set as this one"),
        Binding("o", "swap", "Other corner", show=False, id="grid.swap", tooltip="Go to the area's other corner"),
        Binding("escape", "clear", "Clear", show=False, id="grid.clear", tooltip="Choose the cursor's cell alone"),
    ]

    cursor: reactive[Cell] = reactive((0, 0), repaint=False)

    class Changed(Message):
        """Other cells are chosen."""

        def __init__(self, chosen: Chosen) -> None:
            super().__init__()
            self.chosen = chosen

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, LayerGrid.Changed)

    def __init__(self, plan: Plan, *, id: str | None = None) -> None:  # noqa: A002 (the name is Textual's)
        super().__init__(id=id)
        self._shown = Shown.RANK
        self._anchor: Cell | None = None
        self._cells: frozenset[Cell] | None = None
        self._touched: frozenset[Cell] = frozenset()
        self._set(plan, Layers(plan.map))

    @property
    def placed(self) -> Layers:
        return self._layers

    @property
    def chosen(self) -> Chosen:
        """What an edit is about: cells chosen by kind, else the area, else the cell under the cursor."""
        if self._cells is not None:
            return Chosen(self.cursor, self._cells)
        return Chosen(self.cursor, area(self._anchor or self.cursor, self.cursor))

    def show_plan(self, plan: Plan) -> None:
        """Draws another plan; of another model, from its first cell."""
        layers = Layers(plan.map, self._layers.fold)
        if plan.map.fingerprint != self._layers.map.fingerprint:
            self._anchor = self._cells = None
            self.cursor = (0, 0)
        self._set(plan, layers)
        self.refresh()

    def show(self, shown: Shown) -> None:
        """Texts and colours stand for something else."""
        self._shown = shown
        self._set(self._plan, self._layers)
        self.refresh()

    def fold(self, blocks: int) -> None:
        """So many blocks share a row."""
        row = self.cursor[0] * self._layers.fold // blocks
        self._anchor = self._cells = None
        self._set(self._plan, Layers(self._plan.map, blocks))
        self.cursor = (min(row, self._layers.rows - 1), self.cursor[1])
        self.refresh()

    def touch(self, cells: Iterable[Cell]) -> None:
        """Marks the cells that a rule under way would set."""
        touched = frozenset(cells)
        if touched != self._touched:
            self._touched = touched
            self.refresh()

    def _set(self, plan: Plan, layers: Layers) -> None:
        self._plan, self._layers = plan, layers
        sites = layers.by_cell(plan)
        most = largest(sites, self._shown)  # type: ignore[arg-type]
        self._texts: dict[Cell, CellText] = {
            (row, column): cell_text(sites.get((row, column), ()), self._shown, most)
            for row in range(layers.rows)
            for column in range(layers.columns)
        }
        self._bases = [
            _one({p.base.format for column in range(layers.columns) for p in sites.get((row, column), ())})
            for row in range(layers.rows)
        ]
        self.virtual_size = Size(LABEL + 5 + layers.columns * CELL, layers.rows + 1)

    def render_line(self, y: int) -> Strip:
        """The heading stays at the top; rows below it scroll."""
        across, down = self.scroll_offset
        width, base = self.size.width, self.rich_style
        if y == 0:
            return self._heading(base).crop_extend(across, across + width, base)
        row = y - 1 + down
        if row >= self._layers.rows:
            return Strip.blank(width, base)
        return self._row(row, base).crop_extend(across, across + width, base)

    def _heading(self, base: Style) -> Strip:
        label = base + self.get_component_rich_style("grid--label")
        names = "".join(f"{name:^{CELL}.{CELL - 1}}" for name in self._layers.headings())
        return Strip([Segment(f"{'block':>{LABEL - 2}}  base " + names, label)])

    def _row(self, row: int, base: Style) -> Strip:
        label = base + self.get_component_rich_style("grid--label")
        segments = [Segment(f"{self._layers.row_label(row):>{LABEL - 2}}  {self._bases[row]:<5}", label)]
        chosen = self.chosen.cells
        for column in range(self._layers.columns):
            cell = (row, column)
            found = self._texts[cell]
            style = base + self._style(found)
            if cell in self._touched:
                style += self.get_component_rich_style("grid--touched")
            if cell in chosen:
                style += self.get_component_rich_style("grid--chosen")
            left, right = ("[", "]") if cell in chosen else (" ", " ")
            if cell == self.cursor:
                style += self.get_component_rich_style("grid--cursor")
                left, right = ">", "<"
            segments.append(Segment(f"{left}{found.text:^{CELL - 2}.{CELL - 2}}{right}", style))
        return Strip(segments)

    def _style(self, found: CellText) -> Style:
        if found.kind in ("none", "absent"):
            return self.get_component_rich_style("grid--none")
        if found.kind == "mixed":
            return self.get_component_rich_style("grid--mixed")
        if found.level is None:
            return self.get_component_rich_style("grid--adapted")
        ground = _SCALE.get_color(found.level)
        ink = Color.parse("#000000" if ground.brightness > 0.5 else "#ffffff")
        return Style(color=ink.rich_color, bgcolor=ground.rich_color)

    def watch_cursor(self, old: Cell, new: Cell) -> None:
        self._choose()
        row, column = new
        self.scroll_to_region(
            Region(LABEL + 5 + column * CELL, row, CELL, 2), animate=False, force=True, spacing=None, immediate=True
        )

    def _choose(self) -> None:
        self.refresh()
        if self.is_mounted:
            self.post_message(self.Changed(self.chosen))

    def _moved(self, rows: int, columns: int) -> Cell:
        row, column = self.cursor
        return (
            max(0, min(self._layers.rows - 1, row + rows)),
            max(0, min(self._layers.columns - 1, column + columns)),
        )

    def action_move(self, rows: int, columns: int) -> None:
        self._cells = None
        target = self._moved(rows, columns)
        if target == self.cursor:
            self._choose()  # at the border the cursor says nothing, and what was chosen may have gone
        self.cursor = target

    def action_extend(self, rows: int, columns: int) -> None:
        self._cells = None
        self._anchor = self._anchor or self.cursor
        self.cursor = self._moved(rows, columns)

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self.size.height - 2), 0)

    def action_to_row(self, row: int) -> None:
        self.cursor = (row % self._layers.rows, self.cursor[1])

    def action_area(self) -> None:
        self._cells = None
        self._anchor = self.cursor if self._anchor is None else None
        self._choose()

    def action_swap(self) -> None:
        if self._anchor is not None:
            self._anchor, self.cursor = self.cursor, self._anchor

    def action_rows(self) -> None:
        rows = {row for row, _ in self.chosen.cells}
        self._choose_cells((row, column) for row in rows for column in range(self._layers.columns))

    def action_columns(self) -> None:
        columns = {column for _, column in self.chosen.cells}
        self._choose_cells((row, column) for row in range(self._layers.rows) for column in columns)

    def action_all(self) -> None:
        self._choose_cells(self._texts)

    def action_alike(self) -> None:
        self._choose_cells(alike(self._layers, self._plan, self.cursor))

    def action_clear(self) -> None:
        self._anchor = self._cells = None
        self._choose()

    def _choose_cells(self, cells: Iterable[Cell]) -> None:
        self._anchor, self._cells = None, frozenset(cells)
        self._choose()

    def _cell_at(self, x: int, y: int) -> Cell | None:
        column = (x + self.scroll_offset.x - LABEL - 5) // CELL
        row = y - 1 + self.scroll_offset.y
        inside = 0 <= column < self._layers.columns and 0 <= row < self._layers.rows
        return (row, column) if inside and y > 0 else None

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if (cell := self._cell_at(event.x, event.y)) is not None:
            self._cells, self._anchor = None, cell
            self.cursor = cell
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self.app.mouse_captured is self and (cell := self._cell_at(event.x, event.y)) is not None:
            self.cursor = cell

    def on_mouse_up(self) -> None:
        if self.app.mouse_captured is self:
            self.release_mouse()
            if self._anchor == self.cursor:
                self.action_clear()


def _one(formats: set[str]) -> str:
    return next(iter(formats)) if len(formats) == 1 else "≈"
