"""Numbers against numbers: points with labels, or the lines of several series that differ by mark, too."""

from itertools import pairwise

from tui.compare.chart.drawing import Canvas, Line, Marks, Span
from tui.compare.chart.points import Point, groups, number, setting_scale
from tui.compare.chart.scale import Scale, scale_of
from tui.widgets.result_table import fitted, written

_AXIS = 9


def draw_plane(points: list[Point], width: int, height: int, marks: Marks, joined: bool) -> list[Line]:
    """Low and high are the ends of an interval of y. `joined` draws a line through each series."""
    said = _off_scale(points)
    points = setting_scale(points)
    canvas = Canvas(max(8, width - _AXIS - 1), max(4, height - len(said) - (2 if joined else 1)))
    across = scale_of([number(p.x) for p in points], canvas.width)
    up = scale_of([value for p in points for value in (number(p.y), p.low, p.high)], canvas.height)
    series = groups(points)
    for i, members in enumerate(series.values()):
        ordered = sorted(members, key=lambda p: number(p.x) or 0.0)
        for point in ordered:
            _interval(canvas, point, across, up, marks, i)
        if joined:
            _path(canvas, ordered, across, up, marks, i)
    for i, members in enumerate(series.values()):
        for point in members:
            canvas.put(*_place(point, across, up), Span(_mark(point, i, marks, joined), "series", i))
    if not joined:
        _labels(canvas, points, across, up)
    lines = [*_framed(canvas, across, up, marks), *said]
    return [*lines, *_legend(series, width, marks)] if joined else lines


def _off_scale(points: list[Point]) -> list[Line]:
    """References in words, beside points of other runs."""
    beside = [p for p in points if p.reference] if not all(p.reference for p in points) else []
    return [
        (Span(f"{p.label or 'reference'} {p.count}: x {written(p.x)}, y {written(p.y)}, not drawn", "muted"),)
        for p in beside
    ]


def _place(point: Point, across: Scale, up: Scale) -> tuple[int, int]:
    return across.place(number(point.x) or 0.0), up.length - 1 - up.place(number(point.y) or 0.0)


def _mark(point: Point, series: int, marks: Marks, joined: bool) -> str:
    if joined:
        return marks.series[series % len(marks.series)]
    return marks.few if point.few else marks.chosen if point.marked else marks.point


def _interval(canvas: Canvas, point: Point, across: Scale, up: Scale, marks: Marks, series: int) -> None:
    if point.low is None or point.high is None:
        return
    x = across.place(number(point.x) or 0.0)
    for y in range(up.length - 1 - up.place(point.high), up.length - up.place(point.low)):
        canvas.put(x, y, Span(marks.upright, "series", series))


def _path(canvas: Canvas, points: list[Point], across: Scale, up: Scale, marks: Marks, series: int) -> None:
    places = [_place(point, across, up) for point in points]
    for (x0, y0), (x1, y1) in pairwise(places):
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for step in range(1, steps):
            x, y = round(x0 + (x1 - x0) * step / steps), round(y0 + (y1 - y0) * step / steps)
            canvas.put(x, y, Span(marks.path, "series", series))


def _labels(canvas: Canvas, points: list[Point], across: Scale, up: Scale) -> None:
    """Beside each point where there is room; all of them stand in the grid."""
    for point in points:
        text = f"{point.label} {point.count}".strip()
        x, y = _place(point, across, up)
        for start, line in ((x + 2, y), (x - len(text) - 1, y), (x + 1, y + 1), (x + 1, y - 1)):
            if text and canvas.free(start, line, len(text)):
                canvas.write(start, line, text, "muted")
                break


def _framed(canvas: Canvas, across: Scale, up: Scale, marks: Marks) -> list[Line]:
    ticks = {canvas.height // 2: written((up.low + up.high) / 2)}
    if up.high > up.low:
        ticks |= {0: written(up.high), canvas.height - 1: written(up.low)}
    lines: list[Line] = [
        (Span(fitted(ticks.get(y, ""), _AXIS, True) + marks.upright, "muted"), *line)
        for y, line in enumerate(canvas.lines())
    ]
    low, high = written(across.low), written(across.high)
    room = max(1, canvas.width - len(low) - len(high))
    return [*lines, (Span(f"{'':{_AXIS + 1}}{low}{'':{room}}{high}", "muted"),)]


def _legend(series: dict[str, list[Point]], width: int, marks: Marks) -> list[Line]:
    spans: list[Span] = []
    for i, (name, points) in enumerate(series.items()):
        counts = [point.n for point in points if point.n is not None]
        said = f"n={min(counts)}" + (f"–{max(counts)}" if max(counts) > min(counts) else "") if counts else ""
        spans += [Span(marks.series[i % len(marks.series)], "series", i), Span(f" {name} {said}".rstrip() + "  ")]
    used, fitting = 0, []
    for span in spans:
        used += len(span.text)
        if used > width:
            break
        fitting.append(span)
    return [tuple(fitting)]
