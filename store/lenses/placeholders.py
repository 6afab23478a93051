"""The `$parameters` of a query: where they stand, and the query with values in their place.

Queries are run as prepared statements; the text with values is for people, who can run it again with `workbench sql`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import duckdb

_NAME = re.compile(r"\$([A-Za-z_]\w*)")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`$name` from character `start` up to `end`."""

    name: str
    start: int
    end: int


def placeholders(sql: str) -> Iterator[Placeholder]:
    """Every placeholder outside of strings and comments, as DuckDB's own tokens have it."""
    data = sql.encode()
    for offset, _ in duckdb.tokenize(sql):
        # Offsets count bytes.
        start = len(data[:offset].decode(errors="ignore"))
        if match := _NAME.match(sql, start):
            yield Placeholder(match[1], start, match.end())


def with_values(sql: str, values: Mapping[str, str | None]) -> str:
    """The query with each placeholder written out, as a text or NULL."""
    parts, end = [], 0
    for place in placeholders(sql):
        parts += [sql[end : place.start], _literal(values[place.name])]
        end = place.end
    return "".join([*parts, sql[end:]])


def _literal(value: str | None) -> str:
    return "null" if value is None else "'" + value.replace("'", "''") + "'"
