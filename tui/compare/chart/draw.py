"""A result as a chart."""

from collections.abc import Sequence
from typing import Any

from tui.compare.chart.drawing import Line, Marks, Span
from tui.compare.chart.heat import draw_heat
from tui.compare.chart.intervals import draw_intervals
from tui.compare.chart.plane import draw_plane
from tui.compare.chart.points import ChartAsked, Point, read_points
from tui.widgets.result_table import is_number

MOST = 2000


def draw(
    asked: ChartAsked, columns: Sequence[str], rows: Sequence[Sequence[Any]], width: int, height: int, marks: Marks
) -> list[Line]:
    """Lines of at most `width` cells, where the chart can be that narrow; they may be more than `height`.

    Rows without a number are left out, and so are those after the 2,000th; both are said below the chart.
    """
    points = read_points(asked, columns, rows[:MOST])
    names = any(not is_number(p.x) and is_number(p.y) for p in points) or any(
        is_number(p.x) and not is_number(p.y) and p.y is not None for p in points
    )
    drawable = [point for point in points if _drawable(asked.kind, point, names)]
    said = _said(len(points) - len(drawable), len(rows) - len(points))
    if not drawable:
        return [(Span("no row has numbers to draw", "muted"),)]
    if asked.kind == "heat":
        lines = draw_heat(drawable, width)
    elif asked.kind == "points" and names:
        lines = draw_intervals(drawable, width, marks, one_scale=asked.columns.get("by") != "metric")
    else:
        lines = draw_plane(drawable, width, height - len(said), marks, joined=asked.kind == "lines")
    return [*lines, *said]


def _drawable(kind: str, point: Point, names: bool) -> bool:
    if kind == "heat":
        return point.x is not None and point.y is not None and is_number(point.value)
    if kind == "points" and names:
        return is_number(point.x) != is_number(point.y)
    return is_number(point.x) and is_number(point.y)


def _said(without: int, beyond: int) -> list[Line]:
    said = [f"{without} rows have no number"] if without else []
    said += [f"only the first {MOST:,} rows are drawn"] if beyond else []
    return [(Span(text, "muted"),) for text in said]
