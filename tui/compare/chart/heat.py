"""A map of values: every cell has its number and its n, darker where the value is greater."""

from tui.compare.chart.drawing import Line, Span
from tui.compare.chart.points import Point, groups, number
from tui.compare.chart.scale import Scale, scale_of
from tui.widgets.result_table import fitted, written

_WIDEST = 16


def draw_heat(points: list[Point], width: int) -> list[Line]:
    """A map for each group, all on one scale, and the scale."""
    scale = scale_of([number(point.value) for point in points], 100)
    lines: list[Line] = []
    for name, members in groups(points).items():
        if name:
            lines.append((Span(fitted(name, max(width, len(name)), False)),))
        lines += _map(members, scale)
    low, high = written(scale.low), written(scale.high)
    shades = tuple(Span("  ", "cell", level=i / 7) for i in range(8))
    return [*lines, (Span(f"{low} ", "muted"), *shades, Span(f" {high}", "muted"))]


def _map(points: list[Point], scale: Scale) -> list[Line]:
    across = list(dict.fromkeys(written(point.x) for point in points))
    down = list(dict.fromkeys(written(point.y) for point in points))
    cells: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        cells.setdefault((written(point.y), written(point.x)), []).append(point)
    texts = {place: _text(members) for place, members in cells.items()}
    cell = min(_WIDEST, max([*map(len, across), *map(len, texts.values())]) + 2)
    label = min(_WIDEST, max(map(len, down)))
    head = Span(" " * (label + 1) + "".join(fitted(name, cell - 1, True) + " " for name in across), "muted")
    lines: list[Line] = [(head,)]
    for row in down:
        spans = [_cell(texts.get((row, column), ""), cells.get((row, column), []), cell, scale) for column in across]
        lines.append((Span(fitted(row, label, True) + " "), *spans))
    return lines


def _text(points: list[Point]) -> str:
    """Several rows for one cell are told, not averaged."""
    if len(points) > 1:
        return f"{len(points)} rows"
    return f"{written(points[0].value)} {points[0].count}".strip()


def _cell(text: str, points: list[Point], width: int, scale: Scale) -> Span:
    value = number(points[0].value) if len(points) == 1 else None
    shown = fitted(text, width - 1, True) + " "
    if value is None:
        return Span(shown, "muted")
    return Span(shown, "cell", level=scale.place(value) / 99 if scale.high > scale.low else 0.5)
