"""Rows of a query as JSON and as a table."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.report.table import Table

_NUMERIC = ("INT", "DOUBLE", "FLOAT", "DECIMAL", "HUGEINT", "NUMBER")


def row_objects(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """Every row with the names of its columns, in values that JSON has."""
    return [{column: _plain(value) for column, value in zip(columns, row, strict=True)} for row in rows]


def rows_table(
    columns: Sequence[str],
    types: Sequence[str],
    rows: Sequence[Sequence[Any]],
    written: Callable[[Any], str] | None = None,
) -> "Table":
    """A table with numbers to the right, each value as `written` has it; exactly, unless that is given."""
    from workbench.report.table import Column, Table

    headings = tuple(
        Column(name, "right" if any(word in kind.upper() for word in _NUMERIC) else "left")
        for name, kind in zip(columns, types, strict=True)
    )
    write = written or _exact
    return Table(headings, tuple(tuple(write(value) for value in row) for row in rows))


def rounded(value: Any) -> str:
    """A value for people: numbers with four significant digits, NULL as a dash."""
    from workbench.report.numbers import ABSENT

    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"


def _exact(value: Any) -> str:
    return "" if value is None else str(value)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value)
