"""Running what a person types as if it were the file of a lens: a head, perhaps, and a query with parameters."""

import re
from collections.abc import Mapping
from pathlib import Path

import duckdb

from store.connection import Connection, raise_damaged
from store.lenses.answer import ROWS, LensResult
from store.lenses.lens import Lens, parse_lens
from store.lenses.placeholders import with_values
from store.lenses.values import Values, resolve
from store.sandbox import SECONDS, QueryResult, fetch, hint, locked_down
from store.stopping import Stop
from workbench.errors import InvalidError, UsageError
from workbench.run.layout import Home

_PLACE = Path("the editor")
_THREADS = 2
_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)


def run_text(
    home: Home,
    text: str,
    parameters: Mapping[str, str | None] | None = None,
    limit: int = ROWS,
    seconds: float = SECONDS,
    stop: Stop | None = None,
    pinned: str | None = None,
) -> LensResult:
    """Runs one statement with the parameters that it uses; those absent are looked for, as `run` does.

    A baseline that is absent is the arm of the run `pinned`, if that is among the runs looked at.

    Parameters that the statement has no use for are passed over. Raises InvalidError with DuckDB's own words, and which
    line of `text` they mean, or with the problems of the head; UsageError, NotFoundError and as `reading`;
    QueryStoppedError once `stop` was used.
    """
    lens = parse_lens(text, _PLACE)
    # DuckDB counts lines from the first word, and its caret is off by what stands before that.
    sql = lens.sql.lstrip()
    if not sql:
        raise UsageError("no SQL statement here", "for example: from run_summary")
    stop = stop or Stop()
    with locked_down(home, seconds, _THREADS, stop) as connection:
        used = {name: value for name, value in (parameters or {}).items() if name in lens.parameters}
        values, notes = resolve(connection, lens, used, pinned)
        stop.check()
        try:
            found = _fetched(connection, sql, values, limit)
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            raise_damaged(error, home.database)
            raise InvalidError(str(error), _advice(str(error), lens)) from error
    chart = lens.chart
    if chart and (absent := [name for name in chart.columns.values() if name not in found.columns]):
        notes = [*notes, f"no chart: it wants a column '{absent[0]}', and the query has {', '.join(found.columns)}"]
        chart = None
    return LensResult(
        name="",
        title="" if lens.title == lens.name else lens.title,
        chart=chart,
        parameters=values,
        columns=found.columns,
        types=found.types,
        rows=found.rows,
        truncated=found.truncated,
        sql=with_values(sql, values),
        notes=tuple(notes),
    )


def _fetched(connection: Connection, sql: str, values: Values, limit: int) -> QueryResult:
    if len(connection.extract_statements(sql)) > 1:
        raise InvalidError("one statement at a time", "put the cursor into one of them")
    try:
        return fetch(connection, sql, values, limit)
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        if _LINE.search(str(error)):
            raise
        # Of a prepared statement DuckDB does not always say where the error stands; of a plain one it does.
        connection.execute(with_values(sql, values))
        raise


def _advice(message: str, lens: Lens) -> str:
    """What to do, and which line of the text is meant where DuckDB counts from another one."""
    found = _LINE.search(message)
    where = f"LINE {found[1]} is line {lens.first_line + int(found[1]) - 1} here" if found else ""
    return "\n".join(filter(None, [where if lens.first_line > 1 else "", hint(message)]))
