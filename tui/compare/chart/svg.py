"""A chart's characters as an SVG: text stays text, and nothing outside the file is needed."""

from collections.abc import Iterator
from xml.sax.saxutils import escape

from rich.cells import cell_len
from textual.color import Gradient

from tui.compare.chart.drawing import Line, Span

_CELL, _ROW, _SIZE = 8.4, 18, 14
_SHADES = Gradient.from_colors("#f7f4f0", "#e3c08a", "#b5701d", "#6b3a06")
_INK = {"text": "#111111", "muted": "#666666"}
_SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")


def svg(lines: list[Line], title: str) -> str:
    """Each span stands at its own place: a font of another width moves no mark."""
    width = max((sum(cell_len(span.text) for span in line) for line in lines), default=1)
    parts = [part for row, line in enumerate(lines) for part in _line(line, row + 2)]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * _CELL + 16:.0f}" height="{(len(lines) + 3) * _ROW}" '
        f'font-family="monospace" font-size="{_SIZE}"><title>{escape(title)}</title>'
        f'<rect width="100%" height="100%" fill="#ffffff"/>'
    )
    caption = f'<text x="8" y="{_ROW}" font-weight="bold">{escape(title)}</text>'
    return "\n".join([head, caption, *parts, "</svg>", ""])


def _line(line: Line, row: int) -> Iterator[str]:
    at = 0
    for span in line:
        length = cell_len(span.text)
        if span.text.strip() or span.kind == "cell":
            yield from _span(span, 8 + at * _CELL, row * _ROW, length * _CELL)
        at += length


def _span(span: Span, x: float, y: float, width: float) -> Iterator[str]:
    ink = _SERIES[span.number % len(_SERIES)] if span.kind == "series" else _INK.get(span.kind, "#111111")
    if span.kind == "cell":
        ground = _SHADES.get_color(span.level)
        ink = "#000000" if ground.brightness > 0.5 else "#ffffff"
        yield f'<rect x="{x:.1f}" y="{y - _SIZE}" width="{width:.1f}" height="{_ROW}" fill="{ground.hex}"/>'
    yield f'<text x="{x:.1f}" y="{y}" fill="{ink}" xml:space="preserve">{escape(span.text)}</text>'
