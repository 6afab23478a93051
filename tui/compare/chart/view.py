"""The chart of a result on the screen; it is drawn anew when its size or its result changes."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.compare.chart.draw import draw
from tui.compare.chart.drawing import UNICODE, Line, Marks, Span
from tui.compare.chart.points import ChartAsked
from tui.widgets.scale import shade

_SERIES = 4
Drawing = Callable[[int, int], list[Line]]  # from the width and the height in cells


class ChartView(ScrollView, can_focus=True):
    """Says why there is no chart where there is none."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"chart--text", "chart--muted"} | {
        f"chart--series-{i}" for i in range(_SERIES)
    }
    DEFAULT_CSS = """
    ChartView {
        height: 1fr; scrollbar-gutter: stable; scrollbar-size-vertical: 1;
        & .chart--muted { color: $text-muted; }
        & .chart--series-0 { color: $text-primary; }
        & .chart--series-1 { color: $text-warning; }
        & .chart--series-2 { color: $text-success; }
        & .chart--series-3 { color: $text-error; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", show=False, id="chart.up", tooltip="A line up"),
        Binding("down,j", "scroll_down", "Down", show=False, id="chart.down", tooltip="A line down"),
        Binding("left,h", "scroll_left", "Left", show=False, id="chart.left", tooltip="To the left"),
        Binding("right,l", "scroll_right", "Right", show=False, id="chart.right", tooltip="To the right"),
    ]

    def __init__(self, marks: Marks = UNICODE, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id)
        self._marks = marks
        self._drawing: Drawing | None = None
        self._lines: list[Line] = []
        self._why = ""

    @property
    def has_chart(self) -> bool:
        return self._drawing is not None

    def show_chart(self, asked: ChartAsked, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.show_drawing(lambda width, height: draw(asked, columns, rows, width, height, self._marks))

    def show_drawing(self, drawing: Drawing) -> None:
        """Lines that are made anew for each size."""
        self._drawing = drawing
        self._draw()

    def show_none(self, why: str) -> None:
        """`why` is one sentence."""
        self._drawing, self._why = None, why
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        width, height = self.scrollable_content_region.size
        if self._drawing is None:
            self._lines = [(Span(self._why, "muted"),)]
        elif width > 0:
            self._lines = self._drawing(width, height)
        widest = max((sum(len(span.text) for span in line) for line in self._lines), default=0)
        self.virtual_size = Size(widest, len(self._lines))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        across, down = self.scroll_offset
        base, row = self.rich_style, y + down
        if row >= len(self._lines):
            return Strip.blank(self.size.width, base)
        strip = Strip([Segment(span.text, base + self._style(span)) for span in self._lines[row]])
        return strip.crop_extend(across, across + self.size.width, base)

    def _style(self, span: Span) -> Style:
        if span.kind == "cell":
            return shade(span.level)
        if span.kind == "series":
            return self.get_component_rich_style(f"chart--series-{span.number % _SERIES}")
        return self.get_component_rich_style(f"chart--{span.kind}")
