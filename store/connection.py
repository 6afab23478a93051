"""Short-lived connections to the results database.

The database file is only ever opened through duckdb: its lock is a POSIX record lock, which goes as soon as the
process closes any other descriptor of the same file.
"""

import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from store import schema
from store.locks import PATIENCE, side_lock
from workbench.errors import LockedError, NotFoundError, WorkbenchError, no_space_left
from workbench.run.layout import Home
from workbench.run.lock_holders import describe_process

Connection = duckdb.DuckDBPyConnection

FOREIGN_PATIENCE = 2.0
NOT_WRITABLE_HINT = "work on a copy of it in a place that can be written to, or name another with --home"
_NOT_WRITABLE = ("Read-only file system", "Permission denied")
_DAMAGED = ("not a valid DuckDB database", "Corrupt database file", "Could not read enough bytes")
_OF_THE_FILE = (duckdb.Error, duckdb.IOException, duckdb.SerializationException, duckdb.FatalException)
_POLL = (0.02, 0.08)
_OFFLINE = {"autoload_known_extensions": "false", "autoinstall_known_extensions": "false"}
# All readers of a process share one duckdb instance, and so must ask for the same settings.
READER = {
    **_OFFLINE,
    "enable_external_access": "false",
    "python_enable_replacements": "false",
    "allow_persistent_secrets": "false",
    "memory_limit": "2GB",
    "threads": "1",
    "temp_directory": "",  # nothing is spilled to disk: a query for more than the memory is told so
    "max_temp_directory_size": "0B",
}
# One connection at a time in a process: an instance cannot be read-only and read-write at once, and the settings
# that a person's query locks would hold for every other connection of the process.
_instance = threading.RLock()


class DiskFullError(WorkbenchError):
    """The disk that holds the database is full, or a limit on the size of files was reached."""


@contextmanager
def exclusive(home: Home) -> Iterator[None]:
    """Holds off every other user of the database, without opening it. Raises LockedError after 30 s."""
    home.path.mkdir(parents=True, exist_ok=True)
    with _only_this_thread(), side_lock(home.database_lock, exclusive=True):
        yield


@contextmanager
def writing(home: Home) -> Iterator[Connection]:
    """A read-write connection; the database is created where there is none.

    Raises LockedError, and StaleStoreError for one that is damaged or of another format: to be made anew.
    """
    with exclusive(home), opened_for_writing(home.database) as connection:
        schema.check(connection, home.database.name)
        yield connection


@contextmanager
def reading(home: Home) -> Iterator[Connection]:
    """A read-only connection without access to files or network, one thread, 2 GB of memory.

    Raises NotFoundError when there is no database, LockedError, and StaleStoreError for one that is damaged (which
    may show only when a part of it is read) or not of this version's format.
    """
    with _opened_for_reading(home, READER) as connection:
        yield connection


@contextmanager
def exporting(home: Home, spilled: Path) -> Iterator[Connection]:
    """A read-only connection that may write files, and spills to a folder of that name. Errors as `reading`."""
    settings = {**_OFFLINE, "python_enable_replacements": "false", "memory_limit": "2GB"}
    with _opened_for_reading(home, settings | {"temp_directory": str(spilled)}) as connection:
        yield connection


@contextmanager
def _opened_for_reading(home: Home, settings: dict[str, str]) -> Iterator[Connection]:
    if not home.database.exists():
        raise NotFoundError(f"{home.path} has no results yet", "start a run: workbench run PLAN --recipe RECIPE")
    with (
        _only_this_thread(),
        side_lock(home.database_lock, exclusive=False),
        _closing(home.database, read_only=True, settings=settings) as connection,
    ):
        schema.check(connection, home.database.name)
        yield connection


@contextmanager
def opened_for_writing(database: Path) -> Iterator[Connection]:
    """A read-write connection to any database file, with the tables made in an empty one. Takes no side lock."""
    with _closing(database, read_only=False, settings=_OFFLINE) as connection:
        if schema.is_empty(connection):
            schema.create(connection)
        yield connection


@contextmanager
def _only_this_thread() -> Iterator[None]:
    if not _instance.acquire(timeout=PATIENCE):
        raise LockedError("another thread of this process is using the results database", "try again when it is done")
    try:
        yield
    finally:
        _instance.release()


@contextmanager
def _closing(database: Path, read_only: bool, settings: dict[str, str]) -> Iterator[Connection]:
    connection = _open(database, read_only, settings)
    try:
        yield connection
    except duckdb.Error as error:
        raise_known(error, database)
        raise
    finally:
        connection.close()


def _open(database: Path, read_only: bool, settings: dict[str, str]) -> Connection:
    """Opens the file, waiting 2 s for a holder that does not know our side lock (a notebook, duckdb's own shell)."""
    if database.exists() and not database.is_file():
        raise WorkbenchError(
            f"{database} is not a file, where the results database is expected",
            "move it away; the database is made anew from the logs by whatever reads it next",
        )
    deadline = time.monotonic() + FOREIGN_PATIENCE
    while True:
        try:
            return duckdb.connect(str(database), read_only=read_only, config={**settings})
        except duckdb.Error as error:
            raise_known(error, database)
            if "Could not set lock" not in str(error):
                raise
            if time.monotonic() > deadline:
                raise _held(error, database) from error
        time.sleep(random.uniform(*_POLL))


def no_space(database: Path) -> DiskFullError:
    """The error for a database that cannot grow."""
    return DiskFullError(
        f"no space left in {database.parent} for the results database",
        "free some space and try again; nothing is lost: the run logs hold everything",
    )


def _held(error: duckdb.Error, database: Path) -> LockedError:
    found = re.search(r"PID (\d+)", str(error))
    who = describe_process(int(found[1])) if found else "another process"
    return LockedError(
        f"{database.name} is locked by {who}",
        "close it there and try again: nothing is lost, the run logs hold everything\n"
        "to look at results in a notebook, give it its own copy: workbench export --parquet DIR",
    )


def raise_known(error: duckdb.Error, database: Path) -> None:
    """Turns duckdb's words for a file that cannot be used into the store's errors; passes over all others."""
    text = str(error)
    if no_space_left(error):
        raise no_space(database) from error
    if any(words in text for words in _NOT_WRITABLE):
        raise WorkbenchError(f"{database} cannot be written to ({text})", NOT_WRITABLE_HINT) from error
    raise_damaged(error, database)


def raise_damaged(error: duckdb.Error, database: Path) -> None:
    """Raises StaleStoreError where duckdb says that the file is damaged or of another DuckDB; passes over all others.

    A query may put any words into an error of its own, but not into one of these types.
    """
    text = str(error)
    if type(error) not in _OF_THE_FILE:
        return
    if "storage version" in text:
        first = text.splitlines()[0].rstrip(".")
        raise schema.StaleStoreError(
            f"{database.name} was written by another version of DuckDB ({first})", schema.REBUILD
        ) from error
    if isinstance(error, duckdb.SerializationException) or any(words in text for words in _DAMAGED):
        raise schema.StaleStoreError(f"{database.name} is damaged ({text})", schema.REBUILD) from error
