"""The database made anew from the logs, and what it holds."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from store import schema
from store.connection import Connection, exclusive, no_space, opened_for_writing, reading
from store.intake import IngestReport, ingest_into
from store.standing import file_bytes, mark_up_to_date, moment
from workbench.errors import InvalidError
from workbench.run.layout import Home


@dataclass(frozen=True, slots=True)
class StoreStats:
    """`tables` maps each table to its rows; `file_bytes` counts the database file and its write-ahead log."""

    format_version: int
    tables: dict[str, int]
    file_bytes: int
    bad_lines: int


def rebuild(home: Home, why: str = "") -> IngestReport:
    """Makes the database anew, whatever state or format the old one is in; the notice names `why`, if anything.

    The old one stays until the new one is complete. Raises LockedError when another process holds it, and
    WorkbenchError when something else than a file stands in its place.
    """
    with exclusive(home):
        # A holder that does not know our lock would write its log beside the new file when it ends.
        with suppress(InvalidError), opened_for_writing(home.database):
            pass
        began = moment()
        report = rebuild_held(home, f"{why or 'the database'}: made anew from the logs")
        mark_up_to_date(home, began)
        return report


def rebuild_held(home: Home, notice: str) -> IngestReport:
    """`rebuild` for a caller that holds the side lock."""
    fresh, fresh_write_ahead = _fresh(home)
    write_ahead = home.database.with_name(home.database.name + ".wal")
    try:
        remove_leftovers(home)
        report = ingest_into(fresh, home, notice)
        if fresh_write_ahead.exists():  # a disk too full for the last checkpoint, of which closing says nothing
            raise no_space(fresh)
        # The log of the old file goes first: it must never stand beside the new one.
        _remove(write_ahead)
        fresh.replace(home.database)
    finally:
        remove_leftovers(home)
    return report


def remove_leftovers(home: Home) -> None:
    """Removes what a killed rebuild left behind, for a caller that holds the side lock."""
    _remove(*_fresh(home))


def _fresh(home: Home) -> tuple[Path, Path]:
    fresh = home.database.with_name("results.new.duckdb")
    return fresh, fresh.with_name(fresh.name + ".wal")


def _remove(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def stats(home: Home) -> StoreStats:
    """Row counts, file size in bytes and unusable log lines so far. Errors as `reading`."""
    with reading(home) as connection:
        names = connection.execute("select table_name from duckdb_tables() order by table_name").fetchall()
        tables = {name: _number(connection, f'select count(*) from "{name}"') for (name,) in names}
        bad_lines = _number(connection, "select coalesce(sum(bad_lines), 0) from ingest_cursor")
        version, _ = schema.read_format(connection)
    return StoreStats(format_version=version, tables=tables, file_bytes=file_bytes(home), bad_lines=bad_lines)


def _number(connection: Connection, query: str) -> int:
    [(number,)] = connection.execute(query).fetchall()
    return int(number)
