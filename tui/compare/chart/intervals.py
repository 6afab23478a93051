"""Points with intervals against names: a line for each, the number and its n behind it."""

from typing import Any

from tui.compare.chart.drawing import Line, Marks, Span
from tui.compare.chart.points import Point, groups, number, setting_scale
from tui.compare.chart.scale import Scale, scale_of
from tui.widgets.result_table import fitted, is_number, written

_LABEL, _BAR = 22, 10


def draw_intervals(points: list[Point], width: int, marks: Marks) -> list[Line]:
    """A scale of its own for each group: groups are metrics more often than not."""
    lines: list[Line] = []
    for name, members in groups(points).items():
        if name:
            lines.append((Span(fitted(name, width, False)),))
        lines += _group(members, width, marks)
    return lines


def _group(points: list[Point], width: int, marks: Marks) -> list[Line]:
    names = [written(_name(point)) for point in points]
    ends = [f"{written(_number(point))} {point.count}".strip() for point in points]
    label = min(_LABEL, max(len(name) for name in names), max(6, width // 3))
    tail = max(len(end) for end in ends)
    bar = max(_BAR, width - label - tail - 2)
    scale = scale_of([value for p in setting_scale(points) for value in (number(_number(p)), p.low, p.high)], bar)
    lines = [
        (Span(fitted(name, label, False) + " "), *_bar(point, scale, marks), Span(f" {end:>{tail}}", "muted"))
        for name, end, point in zip(names, ends, points, strict=True)
    ]
    low, high = written(scale.low), written(scale.high)
    room = max(1, bar - len(low) - len(high))
    return [*lines, (Span(f"{'':{label + 1}}{low}{'':{room}}{high}", "muted"),)]


def _bar(point: Point, scale: Scale, marks: Marks) -> Line:
    spans = [Span(" ")] * scale.length
    if scale.has_zero:
        spans[scale.place(0)] = Span(marks.zero, "muted")
    if point.low is not None and point.high is not None:
        start, end = scale.place(point.low), scale.place(point.high)
        for place in range(start, end + 1):
            spans[place] = Span(marks.across, "series")
        spans[start], spans[end] = Span(marks.left, "series"), Span(marks.right, "series")
    if (value := number(_number(point))) is not None:
        mark = marks.few if point.few else marks.chosen if point.marked else marks.point
        mark = marks.below if value < scale.low else marks.above if value > scale.high else mark
        spans[scale.place(value)] = Span(mark, "series")
    return tuple(spans)


def _number(point: Point) -> Any:
    """The axis that is measured: the one that has numbers, in a row without any the same."""
    return point.y if is_number(point.y) and not is_number(point.x) else point.x


def _name(point: Point) -> Any:
    return point.x if is_number(point.y) and not is_number(point.x) else point.y
