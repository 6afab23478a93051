"""A finished figure, and its data as CSV."""

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.report.table import Column, Table

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Figure:
    """`svg` is an `<svg>` element without prolog, fit for a page or for a file; `alt` says in words what it shows.

    `csv` has every number that is drawn, with names as they were given. Figures on one page need different names: what
    an SVG refers to within itself is called after them.
    """

    name: str
    title: str
    alt: str
    svg: str
    csv: str


def csv_text(headings: Sequence[str], rows: Sequence[Sequence[Value]]) -> str:
    """Numbers in full precision; what is missing is an empty cell."""
    columns = tuple(Column(heading) for heading in headings)
    return Table(columns, tuple(tuple(map(_cell, row)) for row in rows)).csv() + "\n"


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")  # halves of characters fit into no file
    return str(value).lower() if isinstance(value, bool) else str(value)
