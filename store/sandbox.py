"""SQL that a person types, on a connection that can only read the results.

It guards against accidents, not against a hostile user of the same account.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from store.connection import Connection, raise_damaged, reading
from store.stopping import Stop
from workbench.errors import InvalidError, UsageError
from workbench.run.layout import Home

LIMIT = 1000
SECONDS = 10.0
_CHUNK = 2000  # rows made into Python values at a time: other threads, such as a screen's, get their turn in between
_OUT_OF_REACH = ("read-only", "disabled by configuration", "has been locked", "requires the extension")


@dataclass(frozen=True, slots=True)
class QueryResult:
    """`columns` and `types` (DuckDB's names) by position; `truncated` tells that there were more than `rows`."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool


def query(home: Home, sql: str, limit: int = LIMIT, seconds: float = SECONDS) -> QueryResult:
    """Runs SQL and fetches at most `limit` rows within `seconds`.

    Writers wait meanwhile. Raises InvalidError with DuckDB's words and caret, UsageError for no statement, and as
    `reading`.
    """
    with locked_down(home, seconds) as connection:
        if not connection.extract_statements(sql):
            raise UsageError("no SQL statement given", 'for example: workbench sql "from run_summary"')
        return fetch(connection, sql, {}, limit)


@contextmanager
def locked_down(home: Home, seconds: float, threads: int = 1, stop: Stop | None = None) -> Iterator[Connection]:
    """A connection that can only read the results, each statement for `seconds` at most. Errors as `query`.

    `stop` can end its statements from another thread; then QueryStoppedError is raised.
    """
    stop = stop or Stop()
    with reading(home) as connection:
        lock_down(connection, seconds, threads)
        try:
            with stop.over(connection):
                yield connection
        except duckdb.InterruptException as error:
            stop.check()
            raise InvalidError(str(error), f"the limit is {seconds:g} s; filter earlier, or raise it") from error
        except duckdb.Error as error:
            raise_damaged(error, home.database)
            raise InvalidError(str(error), hint(str(error))) from error
        except RuntimeError as error:
            if "interrupted" not in str(error).lower():
                raise
            raise KeyboardInterrupt from error  # what DuckDB makes of Ctrl-C


def lock_down(connection: Connection, seconds: float, threads: int = 1) -> None:
    """The order matters: after the last statement no setting can be changed any more.

    Without external access DuckDB still lets a COPY write to the open database's own path and its log's; that the
    local file system is disabled altogether stops this too.
    """
    connection.execute(f"set threads = {threads}")
    connection.execute("set disabled_filesystems = 'LocalFileSystem'")
    connection.execute(f"set max_execution_time = {max(1, round(seconds * 1000))}")
    connection.execute("set lock_configuration = true")


def fetch(connection: Connection, sql: str, values: Mapping[str, str | None], limit: int) -> QueryResult:
    """Runs SQL with the values of its named parameters and fetches at most `limit` rows. Raises duckdb.Error."""
    cursor = connection.execute(sql, dict(values))
    description = cursor.description or []
    rows: list[tuple[Any, ...]] = []
    while chunk := cursor.fetchmany(min(_CHUNK, limit + 1 - len(rows))):
        rows += chunk
    return QueryResult(
        columns=tuple(column[0] for column in description),
        types=tuple(str(column[1]) for column in description),
        rows=tuple(rows[:limit]),
        truncated=len(rows) > limit,
    )


def hint(message: str) -> str:
    """What to do about an error of DuckDB, "" where its own words say enough."""
    if "pytz" in message:
        return "a time with time zone cannot be shown: cast it, now()::timestamp"
    if any(words in message for words in _OUT_OF_REACH):
        return "results are read only here, and files, network and settings are out of reach"
    if message.startswith("Out of Memory"):
        return "a query has 2 GB and nothing is spilled to disk: filter or aggregate earlier"
    return ""
