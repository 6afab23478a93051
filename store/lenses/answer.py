"""Running a lens."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from store.connection import Connection, raise_damaged
from store.lenses.chart import Chart
from store.lenses.lens import Lens
from store.lenses.placeholders import with_values
from store.lenses.shelf import find
from store.lenses.values import Values, resolve
from store.sandbox import SECONDS, QueryResult, fetch, hint, locked_down
from workbench.errors import InvalidError, Problem, WorkbenchError
from workbench.run.layout import Home

ROWS = 100_000
# Some lenses read every site of every run: the one thing that is worth a second thread.
_THREADS = 2
_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class LensResult:
    """What a lens answered: `columns` and `types` (DuckDB's names) by position; `truncated` where rows are missing.

    `sql` is the query with its `parameters` written out: `workbench sql` gives the same rows for it. `notes` say what
    a person should know who did not name everything.
    """

    name: str
    title: str
    chart: Chart | None
    parameters: dict[str, str | None]
    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool
    sql: str
    notes: tuple[str, ...]


def run(
    home: Home,
    name: str,
    parameters: Mapping[str, str | None] | None = None,
    limit: int = ROWS,
    seconds: float = SECONDS,
) -> LensResult:
    """Runs the lens of that name on the results as they were last ingested, for at most `limit` rows.

    `parameters` may hold `study` (None for the plans of all finished runs), `metric`, `baseline` and `group`; those
    that are absent are looked for in the results. The query is a prepared statement on the connection of
    `workbench sql`, which can only read. Raises NotFoundError for an unknown lens, study, arm, metric or group,
    UsageError for a missing parameter, InvalidError for a lens that does not run, with DuckDB's words, file and line,
    and as `reading`.
    """
    lens, notes = find(home, name)
    with locked_down(home, seconds, _THREADS) as connection:
        values, said = resolve(connection, lens, parameters or {})
        found = ask(connection, home, lens, values, limit)
    return LensResult(
        name=lens.name,
        title=lens.title,
        chart=lens.chart,
        parameters=values,
        columns=found.columns,
        types=found.types,
        rows=found.rows,
        truncated=found.truncated,
        sql=with_values(lens.sql, values),
        notes=(*notes, *said),
    )


def ask(connection: Connection, home: Home, lens: Lens, values: Values, limit: int) -> QueryResult:
    """Runs the query of a lens with values for its parameters. Raises InvalidError as `run`."""
    try:
        _check_single(connection, lens)
        found = fetch(connection, lens.sql, values, limit)
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        raise_damaged(error, home.database)
        raise _broken(lens, str(error), _line(connection, lens, values, str(error)), hint(str(error))) from error
    if lens.chart and (absent := [name for name in lens.chart.columns.values() if name not in found.columns]):
        message = f"the chart wants a column '{absent[0]}', and the query has {', '.join(found.columns)}"
        raise _broken(lens, message, None, "change the line `-- chart:`, or the query")
    return found


def _check_single(connection: Connection, lens: Lens) -> None:
    statements = connection.extract_statements(lens.sql)
    if len(statements) != 1:
        what = f"{len(statements)} statements are" if statements else "no statement is"
        raise _broken(lens, f"{what} here, where one query is expected", None, "write one SELECT, WITH or FROM")
    [kind] = [statement.type for statement in statements]
    if kind != duckdb.StatementType.SELECT:
        raise _broken(lens, f"a lens is a query, and this is {kind.name}", None, "write one SELECT, WITH or FROM")


def _line(connection: Connection, lens: Lens, values: Values, message: str) -> int | None:
    """The line of the query that DuckDB means, from 1; of a prepared statement it does not always say that."""
    if match := _LINE.search(message):
        return int(match[1])
    try:
        connection.execute(with_values(lens.sql, values))
    except duckdb.Error as error:
        match = _LINE.search(str(error))
        return int(match[1]) if match else None
    return None


def _broken(lens: Lens, message: str, line: int | None, what_to_do: str) -> WorkbenchError:
    where = f"{lens.path}:{lens.first_line + line - 1}" if line else str(lens.path)
    return InvalidError(f"the lens '{lens.name}' does not run", problems=(Problem(where, message, what_to_do),))
