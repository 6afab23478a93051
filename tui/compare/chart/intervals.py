"""Points with intervals against names: a line for each, the number and its n behind it."""

from typing import Any

from rich.cells import cell_len

from tui.compare.chart.drawing import Line, Marks, Span
from tui.compare.chart.points import Point, groups, number, setting_scale
from tui.compare.chart.scale import Scale, scale_of
from tui.widgets.result_table import fitted, is_number, written
from workbench.report.plain import shorten

_LABEL, _BAR = 22, 10


def draw_intervals(points: list[Point], width: int, marks: Marks, *, one_scale: bool = False) -> list[Line]:
    """With `one_scale` the groups are of one quantity and can be compared; else each has a scale of its own."""
    found = groups(points)
    parts = [found] if one_scale else [{name: members} for name, members in found.items()]
    return [line for part in parts for line in _drawn(part, width, marks)]


def _drawn(part: dict[str, list[Point]], width: int, marks: Marks) -> list[Line]:
    points = [point for members in part.values() for point in members]
    names = _names(points, min(_LABEL, max(6, width // 3)))
    label, tail = max(map(cell_len, names.values())), max(len(_end(point)) for point in points)
    bar = max(_BAR, width - label - tail - 2)
    scale = scale_of([value for p in setting_scale(points) for value in (number(_number(p)), p.low, p.high)], bar)
    lines: list[Line] = []
    for group, members in part.items():
        lines += [(Span(fitted(group, width, False)),)] if group else []
        for point in members:
            name, end = fitted(names[written(_name(point))], label, False), f" {_end(point):>{tail}}"
            lines.append((Span(name + " "), *_bar(point, scale, marks), Span(end, "muted")))
    low, high = written(scale.low), written(scale.high)
    room = max(1, bar - len(low) - len(high))
    return [*lines, (Span(f"{'':{label + 1}}{low}{'':{room}}{high}", "muted"),)]


def _end(point: Point) -> str:
    return f"{written(_number(point))} {point.count}".strip()


def _names(points: list[Point], cells: int) -> dict[str, str]:
    """Names in so many cells; where one is longer all without the names of factors, if they differ without them."""
    names = list(dict.fromkeys(written(_name(point)) for point in points))
    shown = names
    if max(map(cell_len, names)) > cells:
        bare = [",".join(part.rpartition("=")[2] for part in name.split(",")) for name in names]
        shown = bare if len(set(bare)) == len(names) else names
    return {name: shorten(text, cells) for name, text in zip(names, shown, strict=True)}


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
