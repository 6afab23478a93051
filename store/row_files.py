"""Rows at hand as a Parquet file, with the types that the query gave them."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from workbench.errors import WorkbenchError

_CHUNK = 10_000


def write_parquet(path: Path, columns: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Writes the file whole or not at all, in place of one that stands there. Raises WorkbenchError."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    named = _unlike(columns)
    try:
        with duckdb.connect(config={"threads": "1"}) as connection:
            fields = ", ".join(f"{_quoted(name)} {kind}" for name, kind in zip(named, types, strict=True))
            connection.execute(f"create table answer ({fields})")
            unnested = ", ".join(f"unnest(?::{kind}[])" for kind in types)
            for start in range(0, len(rows), _CHUNK):
                values = [list(column) for column in zip(*rows[start : start + _CHUNK], strict=True)]
                connection.execute(f"insert into answer select {unnested}", values)
            target = str(fresh).replace("'", "''")
            connection.execute(f"copy answer to '{target}' (format parquet, compression zstd)")
        fresh.replace(path)
    except (duckdb.Error, OSError) as error:
        raise WorkbenchError(f"{path} cannot be written ({error})", "name another place, or export CSV") from error
    finally:
        fresh.unlink(missing_ok=True)


def _unlike(columns: Sequence[str]) -> list[str]:
    """The names, told apart where a query gives one of them twice; to DuckDB `A` and `a` are one name."""
    seen: set[str] = set()
    found = []
    for name in columns:
        unlike, number = name, 1
        while unlike.lower() in seen:
            number += 1
            unlike = f"{name}_{number}"
        seen.add(unlike.lower())
        found.append(unlike)
    return found


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
