"""A result of up to a hundred thousand rows: one widget that draws the lines which are seen, and no others."""

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.widgets.movement import Words, movement
from tui.widgets.result_table import ResultTable

Place = tuple[int, int]
_GAP = 2
_EMPTY = ResultTable((), (), (), (), ())


class ResultGrid(ScrollView, can_focus=True):
    """Shows the first `shown` rows of a table. The heading stays; numbers stand to the right."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"result--heading", "result--row", "result--cursor"}
    DEFAULT_CSS = """
    ResultGrid {
        height: 1fr;
        & .result--heading { color: $text-muted; text-style: bold; }
        & .result--row { background: $primary 25%; }
        & .result--cursor { text-style: bold reverse; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *movement("result", Words("row", "column")),
        Binding("home", "to_column(0)", "First column", show=False, id="result.home", tooltip="To the first column"),
        Binding(
            "end,dollar_sign", "to_column(-1)", "Last column", show=False, id="result.end", tooltip="To the last column"
        ),
        Binding("enter", "open", "Its runs", show=False, id="result.open", tooltip="Open the runs of the row"),
        Binding(
            "space", "see", "In full", show=False, id="result.see", tooltip="Show the row with every value in full"
        ),
    ]

    cursor: reactive[Place] = reactive((0, 0), repaint=False)

    class Opened(Message):
        """What stands behind a row is to be opened."""

        def __init__(self, row: int) -> None:
            super().__init__()
            self.row = row

    class Seen(Message):
        """A row is to be seen in full."""

        def __init__(self, row: int) -> None:
            super().__init__()
            self.row = row

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (the name is Textual's)
        super().__init__(id=id)
        self._table = _EMPTY
        self._shown = 0
        self._starts: list[int] = []

    @property
    def table(self) -> ResultTable:
        return self._table

    @property
    def shown(self) -> int:
        """How many rows can be moved to."""
        return self._shown

    def show_table(self, table: ResultTable, most: int) -> None:
        """Shows at most so many rows of another result, from its first cell."""
        self._table = table
        self._starts = [0]
        for width in table.widths:
            self._starts.append(self._starts[-1] + width + _GAP)
        self.cursor = (0, 0)
        self.show_most(most)

    def show_most(self, most: int) -> None:
        """Shows at most so many rows of the same result."""
        self._shown = min(most, len(self._table.rows))
        self.virtual_size = Size(self._starts[-1] if self._starts else 0, self._shown + 1)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        across, down = self.scroll_offset
        base, row = self.rich_style, y - 1 + down
        if y == 0:
            strip = self._heading(base)
        elif row < self._shown:
            strip = self._row(row, base)
        else:
            strip = Strip.blank(self.size.width, base)
        return strip.crop_extend(across, across + self.size.width, base)

    def _heading(self, base: Style) -> Strip:
        style = base + self.get_component_rich_style("result--heading")
        names = (self._table.heading(column) + " " * _GAP for column in range(len(self._table.columns)))
        return Strip([Segment(name, style) for name in names])

    def _row(self, row: int, base: Style) -> Strip:
        at, column_at = self.cursor
        style = base + self.get_component_rich_style("result--row") if row == at else base
        segments = []
        for column in range(len(self._table.columns)):
            here = row == at and column == column_at
            cell = style + self.get_component_rich_style("result--cursor") if here else style
            segments += [Segment(self._table.cell(row, column), cell), Segment(" " * _GAP, style)]
        return Strip(segments)

    def watch_cursor(self, old: Place, new: Place) -> None:
        self.refresh()
        self._keep_in_sight()

    def on_resize(self) -> None:
        self._keep_in_sight()

    def _keep_in_sight(self) -> None:
        row, column = self.cursor
        if not self._starts or not self._table.widths:
            return
        place = Region(self._starts[column], row, self._table.widths[column], 2)
        self.scroll_to_region(place, animate=False, force=True, immediate=True)

    def validate_cursor(self, place: Place) -> Place:
        """The nearest cell that there is."""
        row, column = place
        return (
            max(0, min(self._shown - 1, row)),
            max(0, min(len(self._table.columns) - 1, column)),
        )

    def action_move(self, rows: int, columns: int) -> None:
        self.cursor = (self.cursor[0] + rows, self.cursor[1] + columns)

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self.size.height - 2), 0)

    def action_to_row(self, row: int) -> None:
        self.cursor = (self._shown - 1 if row < 0 else row, self.cursor[1])

    def action_to_column(self, column: int) -> None:
        self.cursor = (self.cursor[0], len(self._table.columns) - 1 if column < 0 else column)

    def action_open(self) -> None:
        if self._shown:
            self.post_message(self.Opened(self.cursor[0]))

    def action_see(self) -> None:
        if self._shown:
            self.post_message(self.Seen(self.cursor[0]))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        row, x = event.y - 1 + self.scroll_offset.y, event.x + self.scroll_offset.x
        if event.y > 0 and row < self._shown:
            column = sum(start <= x for start in self._starts[:-1]) - 1
            self.cursor = (row, max(0, column))
