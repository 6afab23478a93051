"""Brings the results database up to date with the run logs: `ingest(home)`, `python -P -m store.ingest HOME`."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from store import logs, records
from store.connection import Connection, exclusive, opened_for_writing
from store.lines import Taken, take
from store.schema import StaleStoreError, check
from workbench.errors import WorkbenchError
from workbench.run.layout import Home, RunDir


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


def ingest(home: Home) -> IngestReport:
    """Takes in what the logs have gained, each line exactly once however often this is killed.

    A damaged or older database is made anew. Does nothing for a home that does not exist.
    Raises LockedError when the database stays held, InvalidError when it is of a newer format.
    """
    if not home.path.is_dir():
        return IngestReport(0, 0, 0, (), 0.0)
    with exclusive(home):
        try:
            return ingest_into(home.database, home)
        except StaleStoreError as stale:
            from store.rebuild import rebuild_held

            return rebuild_held(home, f"{stale.title}: made anew from the logs")


def ingest_into(database: Path, home: Home, notice: str = "") -> IngestReport:
    """`ingest` for a caller that holds the side lock, into any database file."""
    started = time.monotonic()
    with opened_for_writing(database) as connection:
        check(connection, database.name)
        folders = home.run_dirs()
        offsets = _offsets(connection)
        grown = logs.run_logs(home, folders)
        warnings = _forget_rewritten(connection, grown, offsets)
        runs, broken = _add_new(connection, folders)
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


def _add_new(connection: Connection, folders: list[RunDir]) -> tuple[int, list[str]]:
    known = _known_runs(connection)
    return records.add_records(connection, [folder for folder in folders if folder.run_id not in known])


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


def main(arguments: list[str]) -> int:
    """Ingests the home named by the one argument; returns the exit code."""
    if len(arguments) != 1:
        print("usage: python -P -m store.ingest HOME", file=sys.stderr)
        return 2
    try:
        report = ingest(Home(Path(arguments[0]).absolute()))
    except WorkbenchError as error:
        print(f"{error.title}\n{error.hint}", file=sys.stderr)
        return error.exit_code
    for line in filter(None, (report.notice, *report.warnings)):
        print(line, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
