"""The tables and views of the store, and which format a database file is of."""

import hashlib
from importlib.resources import files

import duckdb

from workbench.errors import InvalidError

FORMAT = 1
NOT_RECORDED = (0, "")
REBUILD = "make it anew from the logs: workbench db rebuild"
_PARTS = ("schema.sql", "views.sql", "arms.sql", "effects.sql", "changes.sql")


class StaleStoreError(InvalidError):
    """The database is damaged or of a format that is not this version's; the logs can give it back."""


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes all tables and views in an empty database, in one transaction."""
    definitions = _definitions()
    connection.begin()
    connection.execute(definitions)
    connection.execute("insert into store_format values (?, ?)", [FORMAT, _fingerprint(definitions)])
    connection.commit()


def is_empty(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the database holds no table at all. Asking for one by name first is ten milliseconds cheaper."""
    if read_format(connection) != NOT_RECORDED:
        return False
    return connection.execute("select count(*) from duckdb_tables()").fetchall() == [(0,)]


def check(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Accepts this version's format only.

    Raises StaleStoreError for an older or newer format and for other table definitions. `name` is how the file is
    called in the message.
    """
    version, fingerprint = read_format(connection)
    if version != FORMAT:
        age = "newer" if version > FORMAT else "older"
        raise StaleStoreError(f"{name} is of the {age} store format {version}, {FORMAT} is expected", REBUILD)
    if fingerprint != _fingerprint(_definitions()):
        raise StaleStoreError(f"{name} was made with other table definitions", REBUILD)


def read_format(connection: duckdb.DuckDBPyConnection) -> tuple[int, str]:
    """The recorded format version and fingerprint of the definitions; NOT_RECORDED where there are none."""
    try:
        rows = connection.execute("select version, fingerprint from store_format").fetchall()
    except duckdb.CatalogException:
        rows = []
    return (int(rows[0][0]), str(rows[0][1])) if rows else NOT_RECORDED


def _definitions() -> str:
    return "\n".join(files("store").joinpath(part).read_text(encoding="utf-8") for part in _PARTS)


def _fingerprint(definitions: str) -> str:
    return hashlib.sha256(definitions.encode()).hexdigest()[:16]
