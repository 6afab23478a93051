"""A table as aligned text, markdown or CSV."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and the side its cells are aligned to."""

    heading: str
    align: Literal["left", "right"] = "right"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of finished text; every row has one cell per column."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]

    def text(self) -> str:
        """Columns padded to their widest cell and separated by two spaces, a rule below the headings."""
        widths = [max(cell_len(row[i]) for row in (self._headings(), *self.rows)) for i in range(len(self.columns))]
        rule = tuple("─" * width for width in widths)
        lines = (self._line(row, widths) for row in (self._headings(), rule, *self.rows))
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

    def _line(self, row: Sequence[str], widths: Sequence[int]) -> str:
        return "  ".join(
            _padded(cell, width, column.align) for cell, width, column in zip(row, widths, self.columns, strict=True)
        )


def _padded(cell: str, width: int, align: str) -> str:
    space = " " * (width - cell_len(cell))
    return cell + space if align == "left" else space + cell
