"""A chart of lines in braille; each is told from the others by its marker and its dashes, not by colour alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.braille import Picture, Points, Scale, picture, scale_of

AXIS = 9
_COLOURS = 7


@dataclass(frozen=True, slots=True)
class Series:
    """A line of a chart; `marker` is one cell wide and stands on it."""

    marker: str
    points: Points


class Chart(Widget, can_focus=True):
    """Draws what it is given. The last series is drawn over the others."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"chart--axis", *(f"chart--{number}" for number in range(_COLOURS))}
    # Okabe and Ito's palette, https://jfly.uni-koeln.de/color/, lightened for dark grounds where it needs it.
    DEFAULT_CSS = """
    Chart {
        width: 1fr; height: 1fr;
        & .chart--axis { color: $text-muted; }
        & .chart--0 { color: #56b4e9; }
        & .chart--1 { color: #e69f00; }
        & .chart--2 { color: #009e73; }
        & .chart--3 { color: #cc79a7; }
        & .chart--4 { color: #d55e00; }
        & .chart--5 { color: #f0e442; }
        & .chart--6 { color: #3f8fd2; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (the name is Textual's)
        super().__init__(id=id)
        self._series: tuple[Series, ...] = ()
        self._is_log = False
        self._empty = ""
        self._strips: list[Strip] | None = None

    def draw(self, series: Sequence[Series], log: bool, empty: str = "") -> None:
        """Shows these lines; `empty` is said where there is nothing to draw."""
        self._series, self._is_log, self._empty = tuple(series), log, empty
        self._strips = None
        self.refresh()

    def on_resize(self) -> None:
        self._strips = None

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips = None

    def render_line(self, y: int) -> Strip:
        if self._strips is None:
            self._strips = self._drawn()
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.rich_style)

    def _drawn(self) -> list[Strip]:
        columns, rows = self.size.width - AXIS, self.size.height - 1
        lines = [series.points for series in self._series]
        scale = scale_of(lines, self._is_log)
        if scale is None or columns < 4 or rows < 1:
            return [Strip([Segment(self._empty[: self.size.width], self._styles()[-1])])]
        drawn, styles = picture(lines, scale, columns, rows), self._styles()
        return [
            *(self._row(drawn, scale, row, rows, styles) for row in range(rows)),
            self._foot(scale, columns, styles[-1]),
        ]

    def _row(self, drawn: Picture, scale: Scale, row: int, rows: int, styles: Sequence[Style]) -> Strip:
        label = number(scale.at_row(row, rows))
        segments = [Segment(f"{label:>{AXIS - 1}.{AXIS - 1}}┤", styles[-1])]
        cells = [self._text(drawn, row, column) for column in range(len(drawn.dots[row]))]
        for owner, group in groupby(cells, key=lambda cell: cell[1]):
            text = "".join(char for char, _ in group)
            segments.append(Segment(text, styles[owner % _COLOURS] if owner >= 0 else styles[-1]))
        return Strip(segments)

    def _text(self, drawn: Picture, row: int, column: int) -> tuple[str, int]:
        """A cell's character, and whose it is."""
        marked = drawn.markers.get((row, column))
        if marked is not None:
            return self._series[marked].marker, marked
        dots = drawn.dots[row][column]
        return (chr(0x2800 + dots) if dots else " "), drawn.owners[row][column]

    def _foot(self, scale: Scale, columns: int, style: Style) -> Strip:
        left, right = f"step {scale.x0:g}", f"{scale.x1:g}"
        middle = f"{(scale.x0 + scale.x1) / 2:g}" if columns > 40 and scale.x1 > scale.x0 else ""
        text = f"{left}{middle:^{max(0, columns - len(left) - len(right))}}{right}"
        return Strip([Segment(f"{'':{AXIS - 1}}└{text[:columns]}", style)])

    def _styles(self) -> list[Style]:
        """Those of the lines, and of the axis as the last."""
        parts = [*map(str, range(_COLOURS)), "axis"]
        return [self.rich_style + self.get_component_rich_style(f"chart--{part}") for part in parts]


def number(value: float) -> str:
    """A label of an axis in at most eight cells."""
    return f"{value:.3g}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.1e}"
