"""`workbench db`: the results database, a cache of the logs."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.context import current_home, print_json

if TYPE_CHECKING:
    from store.ingest import IngestReport

app = typer.Typer(help="The results database: a cache of the logs that can be made anew.", no_args_is_help=True)


@app.command()
def rebuild() -> None:
    """Make the database anew from the logs of all runs."""
    from store.rebuild import rebuild as make_anew

    report = make_anew(current_home())
    _warn(report)
    print(f"{report.runs} runs, {report.rows:,} rows in {report.seconds:.2f} s")


@app.command()
def stats(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Count what the database holds."""
    from dataclasses import asdict

    from store.ingest import ingest
    from store.rebuild import stats as count_rows
    from workbench.report.numbers import size
    from workbench.report.table import Column, Table

    home = current_home()
    _warn(ingest(home))
    found = count_rows(home)
    if as_json:
        print_json(asdict(found) | {"file": str(home.database)})
        return
    rows = tuple((name, f"{count:,}") for name, count in found.tables.items())
    print(Table((Column("table", "left"), Column("rows")), rows).text())
    print(f"\n{home.database}: {size(found.file_bytes)}, {found.bad_lines} unreadable log lines")


def _warn(report: "IngestReport") -> None:
    for line in filter(None, (report.notice, *report.warnings)):
        print(line, file=sys.stderr)
