"""All that the run directories have gained, into a database file that the caller has locked."""

import time
from dataclasses import dataclass
from pathlib import Path

from store import logs, records, studies
from store.connection import Connection, opened_for_writing
from store.lines import Taken, take
from store.schema import check
from workbench.run.layout import Home

_NAMED = 8  # runs of a warning


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest did: new runs, new metric and evaluation rows, new unusable lines, wall seconds.

    `warnings` names what could not be used; `notice` says why the database was made anew, "" when it was not.
    """

    runs: int
    rows: int
    bad_lines: int
    warnings: tuple[str, ...]
    seconds: float
    notice: str = ""


def ingest_into(database: Path, home: Home, notice: str = "") -> IngestReport:
    """Takes in every new run and every complete new line. Raises StaleStoreError as `check`."""
    started = time.monotonic()
    with opened_for_writing(database) as connection:
        check(connection, database.name)
        names = logs.run_names(home)
        cursors = _cursors(connection)
        grown = logs.changed_logs(home, names, cursors)
        if warnings := _forget(connection, home, names, grown, cursors):
            grown = logs.changed_logs(home, names, cursors)
        runs, broken = _add_new(connection, home, names)
        not_read = studies.take_studies(connection, home)
        known = _known_runs(connection)
        taken = [take(connection, batch) for batch in logs.batches([x for x in grown if x.run_id in known], cursors)]
    return _report(runs, taken, (*warnings, *broken, *not_read), time.monotonic() - started, notice)


def _report(runs: int, taken: list[Taken], warnings: tuple[str, ...], seconds: float, notice: str) -> IngestReport:
    rows, bad_lines = sum(part.rows for part in taken), sum(part.bad_lines for part in taken)
    return IngestReport(runs, rows, bad_lines, warnings, seconds, notice)


def _cursors(connection: Connection) -> dict[str, logs.Cursor]:
    rows = connection.execute('select file, "offset", tail from ingest_cursor').fetchall()
    return {file: logs.Cursor(offset, tail) for file, offset, tail in rows}


def _known_runs(connection: Connection) -> set[str]:
    return {run_id for (run_id,) in connection.execute("select run_id from runs").fetchall()}


def _add_new(connection: Connection, home: Home, names: list[str]) -> tuple[int, list[str]]:
    known = _known_runs(connection)
    folders = [home.run_dir(name) for name in names if name not in known]
    return records.add_records(connection, [folder for folder in folders if folder.record.is_file()])


def _forget(
    connection: Connection, home: Home, names: list[str], grown: list[logs.Log], cursors: dict[str, logs.Cursor]
) -> list[str]:
    """Forgets runs that are gone or whose logs are not those that were read; one warning for each kind."""
    gone = _gone(home, _known_runs(connection), names, grown, cursors)
    rewritten = {log.run_id for log in grown if logs.is_rewritten(log, cursors.get(log.key, logs.START))}
    if not gone and not rewritten:
        return []
    keys = [key for key in cursors if _run_of(key) in gone | rewritten]
    records.forget(connection, sorted(gone | rewritten), keys)
    for key in keys:
        del cursors[key]
    warnings = (
        _naming(gone, "no run.json any more, so forgotten"),
        _naming(rewritten - gone, "logs replaced, so read again"),
    )
    return [warning for warning in warnings if warning]


def _gone(
    home: Home, known: set[str], names: list[str], grown: list[logs.Log], cursors: dict[str, logs.Cursor]
) -> set[str]:
    """Known runs without a folder, or without a record in it: looked for where logs have changed or there are none.

    To look for the record of every run would cost as much as to look at all the logs.
    """
    changed = {log.run_id for log in grown} | known.difference(map(_run_of, cursors))
    without_record = {name for name in known & changed if not home.run_dir(name).record.is_file()}
    return known.difference(names) | without_record


def _run_of(key: str) -> str:
    return key.split("/")[1]


def _naming(runs: set[str], what: str) -> str:
    """`runs a, b and 9 more: what happened`, "" for none."""
    if not runs:
        return ""
    first = sorted(runs)[:_NAMED]
    more = f" and {len(runs) - _NAMED} more" if len(runs) > _NAMED else ""
    return f"{'run' if len(runs) == 1 else 'runs'} {', '.join(first)}{more}: {what}"
