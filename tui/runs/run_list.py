"""The list of runs: one widget that draws its own lines, however many there are."""

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

from tui.runs.line import Marks, Needs, columns_for, heading, needs_of, row_line
from tui.runs.row import RunRow


class RunList(ScrollView, can_focus=True):
    """Shows rows; the cursor stays on its run when others come and go. It changes nothing: keys are the screen's."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "runs--heading",
        "runs--live",
        "runs--queued",
        "runs--finished",
        "runs--failed",
        "runs--over",
        "runs--cursor",
    }
    DEFAULT_CSS = """
    RunList {
        height: 1fr;
        overflow-x: hidden;
        & .runs--heading { color: $text-muted; }
        & .runs--live { color: $text-success; text-style: bold; }
        & .runs--queued { color: $text-muted; }
        & .runs--finished { color: $text; }
        & .runs--failed { color: $text-error; }
        & .runs--over { color: $text-warning; }
        & .runs--cursor { background: $primary 40%; }
        &:focus .runs--cursor { text-style: bold reverse; background: $primary 0%; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="runs.up", tooltip="The run above"),
        Binding("down,j", "move(1)", "Down", show=False, id="runs.down", tooltip="The run below"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="runs.page_up", tooltip="A page of runs up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="runs.page_down", tooltip="A page of runs down"),
        Binding("g,home", "to(0)", "First", show=False, id="runs.first", tooltip="To the first run"),
        Binding("G,end", "to(-1)", "Last", show=False, id="runs.last", tooltip="To the last run"),
    ]

    cursor: reactive[int] = reactive(0, repaint=False)

    class Moved(Message):
        """The cursor is on another run; None when there is none."""

        def __init__(self, row: RunRow | None) -> None:
            super().__init__()
            self.row = row

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, RunList.Moved)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (the name is Textual's)
        super().__init__(id=id)
        self._rows: tuple[RunRow, ...] = ()
        self._marks = Marks()
        self._baseline: RunRow | None = None
        self._empty: tuple[str, ...] = ()
        self._needs = Needs()

    @property
    def rows(self) -> tuple[RunRow, ...]:
        return self._rows

    @property
    def current(self) -> RunRow | None:
        return self._rows[self.cursor] if self._rows else None

    def show(self, rows: tuple[RunRow, ...], marks: Marks, baseline: RunRow | None, empty: tuple[str, ...]) -> None:
        """Shows these rows; `empty` are lines that are said where there are none."""
        before = self.current
        self._rows, self._marks, self._baseline, self._empty = rows, marks, baseline, empty
        self._needs = needs_of(rows, marks.metric)
        self.virtual_size = Size(self.size.width, len(rows) + 1)
        ids = [row.run_id for row in rows]
        place = ids.index(before.run_id) if before and before.run_id in ids else self.cursor
        with self.prevent(RunList.Moved):
            self.cursor = max(0, min(place, len(rows) - 1))
        self.refresh()
        after = self.current
        if (before and before.run_id) != (after and after.run_id):
            self.post_message(self.Moved(after))

    def render_line(self, y: int) -> Strip:
        """The heading stays at the top; rows below it scroll."""
        width, base = self.scrollable_content_region.width, self.rich_style
        columns = columns_for(width, self._baseline is not None, self._needs)
        if y == 0 and self._rows:
            return self._strip(heading(columns, self._marks), base + self._styled("heading"))
        if not self._rows:
            return self._strip(self._empty[y] if y < len(self._empty) else "", base)
        place = y - 1 + self.scroll_offset.y
        if place >= len(self._rows):
            return Strip.blank(width, base)
        row, here = self._rows[place], place == self.cursor
        style = base + self._styled(_kind(row)) + (self._styled("cursor") if here else Style.null())
        return self._strip(row_line(row, columns, self._marks, self._baseline, here), style)

    def _strip(self, text: str, style: Style) -> Strip:
        return Strip([Segment(text, style)]).adjust_cell_length(self.scrollable_content_region.width, style)

    def _styled(self, part: str) -> Style:
        return self.get_component_rich_style(f"runs--{part}", partial=True)

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._rows) + 1)
        self._keep_in_sight()

    def _keep_in_sight(self) -> None:
        self.scroll_to_region(Region(0, self.cursor, 1, 2), animate=False, force=True, spacing=None, immediate=True)

    def watch_cursor(self, old: int, new: int) -> None:
        self.refresh()
        self._keep_in_sight()
        if self.is_mounted and old != new:
            self.post_message(self.Moved(self.current))

    def action_move(self, by: int) -> None:
        self.cursor = max(0, min(len(self._rows) - 1, self.cursor + by))

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self.size.height - 2))

    def action_to(self, place: int) -> None:
        self.cursor = place % max(1, len(self._rows))

    def on_click(self, event: events.Click) -> None:
        place = event.y - 1 + self.scroll_offset.y
        if event.y > 0 and 0 <= place < len(self._rows):
            self.cursor = place


def _kind(row: RunRow) -> str:
    if row.live:
        return "live" if row.status == "running" else "over"
    return row.status if row.status in ("queued", "finished", "failed") else "over"
