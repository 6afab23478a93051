"""Lines as braille dots: two columns and four rows of dots in every cell, lowest and highest of each column kept."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Points = tuple[Sequence[float], Sequence[float]]

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
# By columns of dots, so that lines differ without colour; the first is drawn through.
DASHES = ("1", "10", "111100", "11111010", "1100", "11110010", "1111111100")
_MARKER_EVERY = 16


@dataclass(frozen=True, slots=True)
class Scale:
    """The values at the edges of a chart; `log` for a logarithmic y axis."""

    x0: float
    x1: float
    y0: float
    y1: float
    log: bool

    def across(self, xs: Sequence[float], dots: int) -> list[int]:
        """Columns of dots, from the left."""
        factor = (dots - 1) / (self.x1 - self.x0) if self.x1 > self.x0 else 0.0
        return [round((x - self.x0) * factor) for x in xs]

    def down(self, ys: Sequence[float], dots: int) -> list[int]:
        """Rows of dots, from the top."""
        low, high = (_log(v) if self.log else v for v in (self.y0, self.y1))
        factor = (dots - 1) / (high - low)
        values = map(_log, ys) if self.log else ys
        return [round((high - value) * factor) for value in values]

    def at_row(self, row: int, rows: int) -> float:
        """The value that a row of cells stands for."""
        low, high = (_log(v) if self.log else v for v in (self.y0, self.y1))
        value = high - (high - low) * row / max(1, rows - 1)
        return 10.0**value if self.log else value


@dataclass(frozen=True, slots=True)
class Picture:
    """Rows of cells: the dots of each, whose line it is (the last drawn; -1 for nobody's), and where markers stand."""

    dots: tuple[tuple[int, ...], ...]
    owners: tuple[tuple[int, ...], ...]
    markers: dict[tuple[int, int], int]


def scale_of(lines: Sequence[Points], log: bool) -> Scale | None:
    """The scale that holds all lines; None where there is nothing to draw. A logarithmic one knows no value ≤ 0."""
    drawable = [points for line in lines if (points := _drawable(line, log))[0]]
    if not drawable:
        return None
    low, high = min(min(ys) for _, ys in drawable), max(max(ys) for _, ys in drawable)
    if low == high:  # a level line stands in the middle
        low, high = (low / 2, high * 2) if log else (low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2)
    return Scale(min(min(xs) for xs, _ in drawable), max(max(xs) for xs, _ in drawable), low, high, log)


def picture(lines: Sequence[Points], scale: Scale, columns: int, rows: int) -> Picture:
    """The lines in a chart of so many cells, later ones over earlier ones."""
    dots = [[0] * columns for _ in range(rows)]
    owners = [[-1] * columns for _ in range(rows)]
    markers: dict[tuple[int, int], int] = {}
    for number, line in enumerate(lines):
        spans = _spans(_thinned(_drawable(line, scale.log), 4 * columns), scale, 2 * columns, 4 * rows)
        _draw(spans, DASHES[number % len(DASHES)], number, dots, owners)
        markers |= {cell: number for cell in _places(spans, number)}
    return Picture(tuple(map(tuple, dots)), tuple(map(tuple, owners)), markers)


def _drawable(line: Points, log: bool) -> Points:
    xs, ys = line
    if all(map(math.isfinite, ys)) and not (log and min(ys, default=1.0) <= 0):
        return line
    kept = [(x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(y) and (y > 0 or not log)]
    return [x for x, _ in kept], [y for _, y in kept]


def _thinned(line: Points, most: int) -> Points:
    """Of a line with far more points than dots, the lowest, the highest and the last of so many stretches."""
    xs, ys = line
    each = len(xs) // most
    if each < 4:
        return line
    thin_x: list[float] = []
    thin_y: list[float] = []
    for start in range(0, len(xs), each):
        values = ys[start : start + each]
        thin_x += [xs[start]] * 2 + [xs[start + len(values) - 1]]
        thin_y += [min(values), max(values), values[-1]]
    return thin_x, thin_y


def _spans(line: Points, scale: Scale, width: int, height: int) -> dict[int, tuple[int, int, int]]:
    """Per column of dots: its highest and lowest dot, and the last one. Columns between two points are on the way."""
    found: dict[int, tuple[int, int, int]] = {}
    before: tuple[int, int] | None = None
    for column, row in zip(scale.across(line[0], width), scale.down(line[1], height), strict=True):
        if before and before[0] != column:
            for between, at in _way(before, (column, row)):
                found.setdefault(between, (at, at, at))
        top, bottom, _ = found.get(column, (row, row, row))
        found[column] = (min(top, row), max(bottom, row), row)
        before = (column, row)
    return found


def _way(start: tuple[int, int], end: tuple[int, int]) -> Iterator[tuple[int, int]]:
    for column in range(start[0] + 1, end[0]):
        yield column, round(start[1] + (end[1] - start[1]) * (column - start[0]) / (end[0] - start[0]))


def _draw(
    spans: dict[int, tuple[int, int, int]], dashes: str, number: int, dots: list[list[int]], owners: list[list[int]]
) -> None:
    """Spans are joined with the one before. A gap of a dashed line never swallows a spike."""
    last: int | None = None
    for column in sorted(spans):
        top, bottom, at = spans[column]
        spike = bottom - top >= 4
        if last is not None and not spike:
            top, bottom = min(top, last + (last < top)), max(bottom, last - (last > bottom))
        last = at
        if dashes[column % len(dashes)] == "0" and not spike:
            continue
        for dot in range(top, bottom + 1):
            row, cell = dot >> 2, column >> 1
            dots[row][cell] |= _DOTS[dot & 3][column & 1]
            owners[row][cell] = number


def _places(spans: dict[int, tuple[int, int, int]], number: int) -> Iterator[tuple[int, int]]:
    """Cells of a line for its marker: its end, and some on the way, aside of those of other lines."""
    if not spans:
        return
    end = max(spans)
    yield spans[end][2] >> 2, end >> 1
    for column in spans:
        if column & 1 == 0 and (column >> 1) % _MARKER_EVERY == (4 + 3 * number) % _MARKER_EVERY:
            yield spans[column][2] >> 2, column >> 1


def _log(value: float) -> float:
    return math.log10(value)
