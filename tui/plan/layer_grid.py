"""The map of a model's layers: one widget that draws its own lines, however many blocks there are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.plan.cell_text import CellText, Scale, Shown
from tui.plan.layers import Cell, Layers, alike
from tui.plan.map_text import MapText, map_text
from tui.plan.painted_lines import PaintedLines
from tui.plan.selection import Kind, Selection, chosen_cells
from tui.widgets.movement import Words, movement
from tui.widgets.scale import shade
from workbench.plan.plan import Plan, PlannedSite

if TYPE_CHECKING:
    from tui.plan.measured import Measured

CELL, LABEL = 6, 13


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
        *movement("grid", Words("block", "module")),
        Binding("home", "to_column(0)", "First module", show=False, id="grid.home", tooltip="To the first module"),
        Binding("end", "to_column(-1)", "Last module", show=False, id="grid.end", tooltip="To the last module"),
        Binding("shift+up", "extend(-1, 0)", "Extend up", show=False, id="grid.extend_up", tooltip="Area one block up"),
        Binding(
            "shift+down", "extend(1, 0)", "Extend down", show=False, id="grid.extend_down", tooltip="Area one down"
        ),
        Binding("shift+left", "extend(0, -1)", "Extend left", show=False, id="grid.extend_left", tooltip="Area left"),
        Binding(
            "shift+right", "extend(0, 1)", "Extend right", show=False, id="grid.extend_right", tooltip="Area right"
        ),
        Binding("v", "span('Area')", "Area", id="grid.area", tooltip="Begin or end an area at the cursor"),
        Binding("V", "span('Blocks')", "Blocks", show=False, id="grid.rows", tooltip="Choose whole blocks"),
        Binding("c", "span('Columns')", "Columns", show=False, id="grid.columns", tooltip="Choose whole modules"),
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

    class Released(Message):
        """Escape was pressed where nothing but the cursor's cell was chosen."""

    def __init__(self, plan: Plan, *, id: str | None = None) -> None:  # noqa: A002 (the name is Textual's)
        super().__init__(id=id)
        self._shown = Shown.RANK
        self._measured: Measured | None = None
        self._selection = Selection()
        self._touched: frozenset[Cell] = frozenset()
        self._differing: frozenset[Cell] = frozenset()
        self._chosen = Chosen((0, 0), frozenset())
        self._plan: Plan
        self._layers: Layers
        self._sites: dict[Cell, tuple[PlannedSite, ...]]
        self._text: MapText
        self._set(plan, Layers(plan.map))
        self._remember()

    @property
    def placed(self) -> Layers:
        return self._layers

    @property
    def chosen(self) -> Chosen:
        """What an edit is about: cells chosen by kind, else the area, else the cell under the cursor."""
        return self._chosen

    @property
    def planned(self) -> Mapping[Cell, tuple[PlannedSite, ...]]:
        """What the plan sets in every cell."""
        return self._sites

    @property
    def selection(self) -> Selection:
        return self._selection

    @property
    def shown(self) -> Shown:
        return self._shown

    @property
    def scale(self) -> Scale:
        """What the colours go from and to."""
        return self._text.scale

    def show_plan(self, plan: Plan) -> None:
        """Draws another plan; of another model, from its first cell."""
        if plan.map.fingerprint == self._layers.map.fingerprint:
            self._change(plan)
            return
        self._set(plan, Layers(plan.map, self._layers.fold))
        self._touched = self._differing = frozenset()
        self._selection = Selection()
        self.cursor = (0, 0)
        self._choose()
        self.refresh()

    def _change(self, plan: Plan) -> None:
        """What was set is painted first; where that changes bars and colours of the whole map, the others follow."""
        layers, before = Layers(plan.map, self._layers.fold), self._text
        changed = layers.rows_unlike(plan, self._plan) if plan.groups == self._plan.groups else range(layers.rows)
        self._plan, self._layers = plan, layers
        self._sites |= layers.by_cell(plan, changed)
        self._text = map_text(plan, layers, self._sites, self._shown, self._measured, before, changed)
        rest = set(self._text.rows_unlike(before)) - set(changed)
        self._refresh_rows(changed)
        if rest:
            self.call_after_refresh(self._refresh_rows, rest)

    def show(self, shown: Shown, measured: "Measured | None" = None) -> None:
        """Texts and colours stand for something else."""
        self._shown, self._measured = shown, measured
        self._set(self._plan, self._layers)
        self.refresh()

    def fold(self, blocks: int) -> None:
        """So many blocks share a row. What is chosen is chosen by rows, so it is given up."""
        row = self.cursor[0] * self._layers.fold // blocks
        self._selection, self._touched, self._differing = Selection(), frozenset(), frozenset()
        self._set(self._plan, Layers(self._plan.map, blocks))
        self.cursor = (min(row, self._layers.rows - 1), self.cursor[1])
        self._choose()
        self.refresh()

    def touch(self, cells: Iterable[Cell]) -> None:
        """Marks the cells that a rule under way would set."""
        touched = frozenset(cells)
        if touched != self._touched:
            self._touched = touched
            self.refresh()

    def differ(self, cells: Iterable[Cell]) -> None:
        """Marks the cells that are set otherwise than in the plan compared with."""
        differing = frozenset(cells)
        if differing != self._differing:
            self._differing = differing
            self.refresh()

    def say_above(self, words: str) -> None:
        """Says it in the upper border, and paints no more: to set `border_title` is to paint the whole map."""
        title = Content(words)
        if title != self._border_title:
            self._border_title = title
            self.refresh(Region(-1, -1, self.outer_size.width, 1))

    def choose(self, cells: Iterable[Cell]) -> None:
        """Chooses these cells and no others."""
        self._select(chosen_cells(cells))

    def _set(self, plan: Plan, layers: Layers) -> None:
        self._plan, self._layers = plan, layers
        self._sites = layers.by_cell(plan)
        self._text = map_text(plan, layers, self._sites, self._shown, self._measured)
        self.virtual_size = Size(LABEL + layers.columns * CELL, layers.rows + 1)

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

    @property
    def _room(self) -> int:
        """Columns of the terminal that the cells leave."""
        return self.size.width - LABEL - self._layers.columns * CELL

    def _heading(self, base: Style) -> Strip:
        label = base + self.get_component_rich_style("grid--label")
        names = "".join(f"{name:^{CELL}.{CELL - 1}}" for name in self._layers.headings())
        return Strip([Segment(f"{'block':>{LABEL - 7}}  base {names}{self._text.beside_heading(self._room)}", label)])

    def _row(self, row: int, base: Style) -> Strip:
        label = base + self.get_component_rich_style("grid--label")
        blocks = f"{self._layers.row_label(row):>{LABEL - 7}}"  # 100-103 takes one of the two blanks behind it
        segments = [Segment(f"{blocks:<{LABEL - 5}}{self._text.rows[row].base:<5}", label)]
        segments += [self._cell((row, column), base) for column in range(self._layers.columns)]
        return Strip([*segments, Segment(self._text.beside(row, self._room), label)])

    def _cell(self, cell: Cell, base: Style) -> Segment:
        found = self._text.rows[cell[0]].cells[cell[1]]
        style = base + self._style(found)
        left = right = " "
        if cell in self._touched:
            style += self.get_component_rich_style("grid--touched")
            left, right = "(", ")"
        if cell in self._chosen.cells:
            style += self.get_component_rich_style("grid--chosen")
            left, right = "[", "]"
        if cell == self.cursor:
            style += self.get_component_rich_style("grid--cursor")
            left, right = ">", "<"
        if cell in self._differing:
            right = "~"
        return Segment(f"{left}{found.text:^{CELL - 2}.{CELL - 2}}{right}", style)

    def _style(self, found: CellText) -> Style:
        if found.kind in ("none", "absent"):
            return self.get_component_rich_style("grid--none")
        if found.kind == "mixed":
            return self.get_component_rich_style("grid--mixed")
        if found.value is None:
            return self.get_component_rich_style("grid--adapted")
        return shade(self._text.scale.level(found.value))

    def watch_cursor(self, old: Cell, new: Cell) -> None:
        self._choose()
        self._keep_in_sight()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Rows that are in sight before and after are painted as they are, at their new places."""
        painted = PaintedLines(self)
        super().watch_scroll_y(old_value, new_value)
        painted.move(round(new_value) - round(old_value), fixed=1)

    def on_resize(self) -> None:
        self._keep_in_sight()

    def _keep_in_sight(self) -> None:
        row, column = self.cursor
        place = Region(LABEL + column * CELL, row, CELL, 2)
        self.scroll_to_region(place, animate=False, force=True, spacing=None, immediate=True)

    def _remember(self) -> None:
        self._chosen = Chosen(self.cursor, self._selection.chosen(self.cursor, self._layers))

    def _choose(self) -> None:
        before = self._chosen
        self._remember()
        after = self._chosen
        self._refresh_rows(row for row, _ in {before.cursor, after.cursor} | (before.cells ^ after.cells))
        if self.is_mounted:
            self.post_message(self.Changed(self._chosen))

    def _refresh_rows(self, rows: Iterable[int]) -> None:
        """Paints these rows anew, and no others: a key is to be answered in a few milliseconds."""
        first = self.scroll_offset.y
        seen = sorted({row - first for row in rows if 0 <= row - first < self.size.height - 1})
        if seen:
            self.refresh(*(Region(0, y + 1, self.size.width, 1) for y in seen))

    def _select(self, selection: Selection) -> None:
        self._selection = selection
        self._choose()

    def _go(self, cell: Cell, selection: Selection) -> None:
        """Moves as far as there are cells; at the border the cursor says nothing, and what was chosen may have gone."""
        self._selection = selection
        row = max(0, min(self._layers.rows - 1, cell[0]))
        column = max(0, min(self._layers.columns - 1, cell[1]))
        if (row, column) == self.cursor:
            self._choose()
        self.cursor = (row, column)

    def action_move(self, rows: int, columns: int) -> None:
        self._go((self.cursor[0] + rows, self.cursor[1] + columns), self._selection.moved())

    def action_extend(self, rows: int, columns: int) -> None:
        self._go((self.cursor[0] + rows, self.cursor[1] + columns), self._selection.extended(self.cursor))

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self.size.height - 2), 0)

    def action_to_row(self, row: int) -> None:
        self._go((row % self._layers.rows, self.cursor[1]), self._selection.moved())

    def action_to_column(self, column: int) -> None:
        self._go((self.cursor[0], column % self._layers.columns), self._selection.moved())

    def action_span(self, kind: str) -> None:
        self._select(self._selection.toggled(Kind(kind), self.cursor))

    def action_swap(self) -> None:
        if (anchor := self._selection.anchor) is not None:
            self._go(anchor, Selection(self._selection.kind, self.cursor))

    def action_all(self) -> None:
        self.choose(self._sites)

    def action_alike(self) -> None:
        self.choose(alike(self._layers, self._plan, self.cursor))

    def action_clear(self) -> None:
        if self._selection == Selection():
            self.post_message(self.Released())
        self._select(Selection())

    def _cell_at(self, event: events.MouseEvent) -> Cell | None:
        x, y = event.get_content_offset_capture(self)
        column = (x + self.scroll_offset.x - LABEL) // CELL
        row = y - 1 + self.scroll_offset.y
        inside = 0 <= column < self._layers.columns and 0 <= row < self._layers.rows
        return (row, column) if inside and y > 0 else None

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if (cell := self._cell_at(event)) is not None:
            self._go(cell, self._selection.extended(self.cursor) if event.shift else Selection(Kind.AREA, cell))
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        cell = self._cell_at(event) if self.app.mouse_captured is self else None
        if cell is not None and cell != self.cursor:
            self._go(cell, self._selection)

    def on_mouse_up(self) -> None:
        if self.app.mouse_captured is self:
            self.release_mouse()
            if self._selection.anchor == self.cursor:
                self._select(Selection())
