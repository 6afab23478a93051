"""A table as aligned text, markdown or CSV."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

GAP = "  "


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and the side its cells are aligned to."""

    heading: str
    align: Literal["left", "right"] = "right"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of finished text; every row has one cell per column. The first `keys` columns tell rows apart."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    keys: int = 1

    def text(self, width: int | None = None) -> str:
        """Columns padded to their widest cell and separated by two spaces, a rule below the headings.

        Where that is wider than `width` terminal cells, the columns are laid out in several parts below each other,
        each of which starts with the key columns.
        """
        lines = (self._headings(), *self.rows)
        widths = [max(map(_cells, column), default=0) for column in zip(*lines, strict=True)]
        return "\n\n".join(self._part(part, widths) for part in self._parts(widths, width))

    def _parts(self, widths: Sequence[int], width: int | None) -> list[list[int]]:
        """Which columns each part shows; a part has at least one beside the keys."""
        if width is None:
            return [list(range(len(self.columns)))]
        keys = list(range(self.keys))
        parts = [keys]
        for column in range(self.keys, len(self.columns)):
            longer = [*parts[-1], column]
            fits = sum(widths[i] for i in longer) + len(GAP) * (len(longer) - 1) <= width
            if fits or parts[-1] == keys:
                parts[-1] = longer
            else:
                parts.append([*keys, column])
        return parts

    def _part(self, chosen: Sequence[int], widths: Sequence[int]) -> str:
        rule = tuple("─" * width for width in widths)
        lines = (self._line(row, chosen, widths) for row in (self._headings(), rule, *self.rows))
        return "\n".join(line.rstrip() for line in lines)

    def markdown(self) -> str:
        marks = tuple("---:" if column.align == "right" else "---" for column in self.columns)
        rows = (tuple(cell.replace("|", "\\|") for cell in row) for row in (self._headings(), marks, *self.rows))
        return "\n".join("| " + " | ".join(row) + " |" for row in rows)

    def csv(self) -> str:
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows((self._headings(), *self.rows))
        return out.getvalue().rstrip("\n")

    def _headings(self) -> tuple[str, ...]:
        return tuple(column.heading for column in self.columns)

    def _line(self, row: Sequence[str], chosen: Sequence[int], widths: Sequence[int]) -> str:
        return GAP.join(_padded(row[i], widths[i], self.columns[i].align) for i in chosen)


def _padded(cell: str, width: int, align: str) -> str:
    if cell.isascii() and cell.isprintable():
        return cell.ljust(width) if align == "left" else cell.rjust(width)
    space = " " * (width - _cells(cell))
    return cell + space if align == "left" else space + cell


def _cells(text: str) -> int:
    """How many terminal cells it takes."""
    if text.isascii() and text.isprintable():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
