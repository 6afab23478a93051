"""Tables and views as files of their own, for notebooks and other programs."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from store.connection import Connection, DiskFullError, exporting, raise_damaged
from store.exported import Form, check_place, write_marker
from workbench import atomic
from workbench.errors import UsageError, no_space_left
from workbench.nearest import nearest
from workbench.run.layout import Home

VIEWS = ("run_summary", "group_summary", "run_metrics", "final_evals", "paired_deltas", "effects")
_TABLES = "select table_name from duckdb_tables() where not temporary order by table_name"
# Strings are quoted in CSV wherever they are empty, so that nothing at all is NULL.
_OPTIONS = {"parquet": "format parquet, compression zstd", "csv": "format csv, header"}


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """The file of one table or view, named after it; `bytes` is its size."""

    table: str
    rows: int
    bytes: int


def export(home: Home, folder: Path, form: Form, tables: Sequence[str] = (), force: bool = False) -> list[ExportedFile]:
    """Writes the tables and views named (all, when none is) as `folder/NAME.parquet` or `.csv`, as of one moment.

    The folder appears whole or not at all; `force` replaces one that an export wrote. Writers wait meanwhile. Raises
    UsageError for an unknown name and for a folder that must not be replaced, DiskFullError, and as `reading`.
    """
    check_place(folder, force)
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    shutil.rmtree(fresh, ignore_errors=True)  # of a process of that number that was killed
    fresh.mkdir(parents=True)
    try:
        files = _fill(home, fresh, form, tables)
        write_marker(fresh, form, [f"{file.table}.{form}" for file in files])
        _put_in_place(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return files


def _fill(home: Home, fresh: Path, form: Form, tables: Sequence[str]) -> list[ExportedFile]:
    spilled = fresh / ".spilled"
    try:
        with exporting(home, spilled) as connection:
            return [_write(connection, name, fresh, form) for name in _wanted(connection, tables)]
    except duckdb.Error as error:
        raise_damaged(error, home.database)
        raise
    finally:
        shutil.rmtree(spilled, ignore_errors=True)


def _wanted(connection: Connection, tables: Sequence[str]) -> list[str]:
    known = [name for (name,) in connection.execute(_TABLES).fetchall()] + list(VIEWS)
    for name in tables:
        if name not in known:
            raise UsageError(f"--tables {name}: no such table or view", nearest(name, known))
    return list(dict.fromkeys(tables)) or known


def _write(connection: Connection, name: str, fresh: Path, form: Form) -> ExportedFile:
    path = fresh / f"{name}.{form}"
    target = str(path).replace("'", "''")
    try:
        [(rows,)] = connection.execute(f"copy (from \"{name}\") to '{target}' ({_OPTIONS[form]})").fetchall()
    except duckdb.Error as error:
        if no_space_left(error):
            raise DiskFullError(
                f"no space left in {fresh.parent} for the export", "free some space, or name a folder on another disk"
            ) from error
        raise
    atomic.sync(path)
    return ExportedFile(name, int(rows), path.stat().st_size)


def _put_in_place(fresh: Path, folder: Path) -> None:
    """Renames the folder into its place. What it replaces steps aside for that moment only."""
    atomic.sync(fresh)
    old = fresh.with_suffix(".old")
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    atomic.sync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)
