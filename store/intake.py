"""All that the run directories have gained, into a database file that the caller has locked."""

import time
from dataclasses import dataclass
from pathlib import Path

from store import logs, records
from store.connection import Connection, opened_for_writing
from store.lines import Taken, take
from store.schema import check
from workbench.run.layout import Home


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
    """Takes in every new run and every complete new line. Raises StaleStoreError and InvalidError as `check`."""
    started = time.monotonic()
    with opened_for_writing(database) as connection:
        check(connection, database.name)
        names = logs.run_names(home)
        offsets = _offsets(connection)
        grown = logs.changed_logs(home, names, offsets)
        if warnings := _forget_rewritten(connection, grown, offsets):
            grown = logs.changed_logs(home, names, offsets)
        runs, broken = _add_new(connection, home, names)
        known = _known_runs(connection)
        taken = [take(connection, batch) for batch in logs.batches([x for x in grown if x.run_id in known], offsets)]
    return _report(runs, taken, (*warnings, *broken), time.monotonic() - started, notice)


def _report(runs: int, taken: list[Taken], warnings: tuple[str, ...], seconds: float, notice: str) -> IngestReport:
    rows, bad_lines = sum(part.rows for part in taken), sum(part.bad_lines for part in taken)
    return IngestReport(runs, rows, bad_lines, warnings, seconds, notice)


def _offsets(connection: Connection) -> dict[str, int]:
    return dict(connection.execute('select file, "offset" from ingest_cursor').fetchall())


def _known_runs(connection: Connection) -> set[str]:
    return {run_id for (run_id,) in connection.execute("select run_id from runs").fetchall()}


def _add_new(connection: Connection, home: Home, names: list[str]) -> tuple[int, list[str]]:
    known = _known_runs(connection)
    folders = [home.run_dir(name) for name in names if name not in known]
    return records.add_records(connection, [folder for folder in folders if folder.record.is_file()])


def _forget_rewritten(connection: Connection, found: list[logs.Log], offsets: dict[str, int]) -> list[str]:
    """A log that is not the one read before (the run was removed and made again) starts its run afresh."""
    rewritten = {log.run_id for log in found if logs.is_rewritten(log, offsets.get(log.key, 0))}
    if not rewritten:
        return []
    keys = [key for key in offsets if key.split("/")[1] in rewritten]
    records.forget(connection, sorted(rewritten), keys)
    for key in keys:
        del offsets[key]
    return [f"runs/{run_id}: its logs were replaced, so it was read again" for run_id in sorted(rewritten)]
