"""Brings the results database up to date with the run logs: `ingest(home)`, `python -P -m store.ingest HOME`."""

import os
import sys
from pathlib import Path

from store.connection import NOT_WRITABLE_HINT, exclusive
from store.intake import IngestReport, ingest_into
from store.rebuild import rebuild_held, remove_leftovers
from store.schema import StaleStoreError
from store.standing import mark_up_to_date, moment, was_read_after
from workbench.errors import WorkbenchError
from workbench.run.layout import Home

__all__ = ["IngestReport", "ingest", "main"]

NOTHING = IngestReport(0, 0, 0, (), 0.0)


def ingest(home: Home) -> IngestReport:
    """Takes in what the logs have gained by now, each line exactly once however often this is killed.

    A database that is damaged or of another format is made anew. Does nothing for a home that does not exist, and for
    one that cannot be written to says so. Raises LockedError when the database stays held, DiskFullError, and
    WorkbenchError where a home that cannot be written to has no database, or something else stands in its place.
    """
    if not home.path.is_dir():
        return NOTHING
    if not os.access(home.path, os.W_OK):
        return _not_writable(home)
    called = moment()
    with exclusive(home):
        # Who waited for an ingest that began after this call has nothing left to take in.
        if was_read_after(home, called):
            return NOTHING
        began = moment()
        report = _taken_in(home)
        mark_up_to_date(home, began)
        return report


def _taken_in(home: Home) -> IngestReport:
    if not home.database.exists():
        return rebuild_held(home, "")
    remove_leftovers(home)
    try:
        return ingest_into(home.database, home)
    except StaleStoreError as stale:
        return rebuild_held(home, f"{stale.title}: made anew from the logs")


def _not_writable(home: Home) -> IngestReport:
    title = f"{home.path} cannot be written to"
    if not home.database.exists():
        raise WorkbenchError(f"{title}, and its logs were never read into a database", NOT_WRITABLE_HINT)
    return IngestReport(0, 0, 0, (f"{title}: results are as they were when last read from the logs",), 0.0)


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
