"""What charts are made of: lines of spans, each with what it stands for; colours come later and say nothing alone."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """`kind` is `text`, `muted`, `series` (then `number` tells which) or `cell` (then `level` is 0 to 1)."""

    text: str
    kind: str = "text"
    number: int = 0
    level: float = 0.0


Line = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Marks:
    """The characters of a chart. `few` stands for a mean of fewer than three."""

    point: str
    few: str
    chosen: str
    left: str
    right: str
    across: str
    upright: str
    zero: str
    series: str
    path: str
    below: str
    above: str


UNICODE = Marks("●", "○", "◆", "├", "┤", "─", "│", "┊", "●▲■◆▼★", "·", "‹", "›")
ASCII = Marks("*", "o", "#", "[", "]", "-", "|", ":", "*+x#v%", ".", "<", ">")


class Canvas:
    """Characters in a rectangle, to be put one by one; the last one put stands."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._cells: list[list[Span]] = [[Span(" ")] * width for _ in range(height)]

    def put(self, x: int, y: int, span: Span) -> None:
        """What falls outside is left out; `span` is one character of one cell."""
        if 0 <= x < self.width and 0 <= y < self.height:
            self._cells[y][x] = span

    def free(self, x: int, y: int, length: int) -> bool:
        """Whether there is room for that many characters."""
        inside = x >= 0 and x + length <= self.width and 0 <= y < self.height
        return inside and all(span.text == " " for span in self._cells[y][x : x + length])

    def write(self, x: int, y: int, text: str, kind: str = "text") -> None:
        for i, char in enumerate(text):
            self.put(x + i, y, Span(char, kind))

    def lines(self) -> list[Line]:
        return [tuple(row) for row in self._cells]


def plain(lines: list[Line]) -> str:
    """The chart as text."""
    return "\n".join("".join(span.text for span in line).rstrip() for line in lines)
