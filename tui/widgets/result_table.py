"""A result as the grid shows it: how wide each column is, and how a value is written. Without Textual."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter
from typing import Any

from rich.cells import cell_len, set_cell_size

from workbench.cli.query_rows import rounded
from workbench.report.plain import visible

WIDEST = 40
_SAMPLE = 400
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_NUMERIC = {*_WHOLE, *(f"U{name}" for name in _WHOLE), "FLOAT", "DOUBLE"}
_LONG = 200  # characters of a value that are looked at: a cell shows fewer
CUT = "…"


@dataclass(frozen=True, slots=True)
class ResultTable:
    """Rows by position; `widths` in terminal cells, `numeric` columns are aligned to the right."""

    columns: tuple[str, ...]
    headings: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    widths: tuple[int, ...]
    numeric: tuple[bool, ...]

    def cell(self, row: int, column: int) -> str:
        """The value in exactly the column's width; one that is too long ends in `…`, so no number is cut unseen."""
        return fitted(written(self.rows[row][column]), self.widths[column], self.numeric[column])

    def heading(self, column: int) -> str:
        return fitted(self.headings[column], self.widths[column], self.numeric[column])


def result_table(columns: Sequence[str], types: Sequence[str], rows: tuple[tuple[Any, ...], ...]) -> ResultTable:
    """Measures a result: its texts by a sample of rows, its numbers by their extremes, too."""
    headings = tuple(visible(name) for name in columns)
    numeric = tuple(_is_numeric(kind) for kind in types)
    sample = rows if len(rows) <= _SAMPLE else rows[:: len(rows) // _SAMPLE]
    widths = [
        max([cell_len(heading), *(cell_len(written(row[i])) for row in sample)]) for i, heading in enumerate(headings)
    ]
    for i in (i for i, is_number in enumerate(numeric) if is_number):
        widths[i] = max([widths[i], *(cell_len(written(value)) for value in _extremes(rows, i))])
    return ResultTable(tuple(columns), headings, rows, tuple(max(1, min(WIDEST, width)) for width in widths), numeric)


def written(value: Any) -> str:
    """A value for people, in one line: numbers with four significant digits, NULL as a dash."""
    text = rounded(value)
    return text if isinstance(value, float | int) else visible(text[:_LONG])


def fitted(text: str, width: int, right: bool) -> str:
    """The text in exactly so many terminal cells."""
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + CUT
    space = " " * (width - length)
    return space + text if right else text + space


def is_number(value: Any) -> bool:
    """Whether it can be a place on an axis."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool) and math.isfinite(value)


def _is_numeric(kind: str) -> bool:
    return kind.upper() in _NUMERIC or (kind.upper().startswith("DECIMAL(") and kind.endswith(")"))


def _extremes(rows: Sequence[Sequence[Any]], column: int) -> Iterator[Any]:
    """The least, the greatest and the ones nearest to nothing: the longest texts are among them."""
    # Asked of every row of a large result, so with as little as will do: only NaN is unlike itself.
    values = [value for value in map(itemgetter(column), rows) if value is not None and value == value]
    if values:
        yield min(values)
        yield max(values)
        if isinstance(values[0], float):
            yield -1.234e-05 if min(values) < 0 else 1.234e-05
