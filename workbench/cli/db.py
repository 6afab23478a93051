"""`workbench db`: the results database, a cache of the logs."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.context import answered, current_home, print_json, tell
from workbench.errors import LockedError

if TYPE_CHECKING:
    from store.standing import Standing

app = typer.Typer(help="The results database: a cache of the logs that can be made anew.", no_args_is_help=True)


@app.command()
def rebuild() -> None:
    """Make the database anew from the logs of all runs."""
    from store.rebuild import rebuild as make_anew

    report = make_anew(current_home())
    tell(report)
    print(f"{report.runs} runs, {report.rows:,} rows in {report.seconds:.2f} s")


@app.command()
def stats(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Count what the database holds, and tell how fresh it was and who holds it."""
    from dataclasses import asdict

    from store.rebuild import stats as count_rows
    from store.standing import standing
    from workbench.report.numbers import size
    from workbench.report.table import Column, Table

    home = current_home()
    before = standing(home)
    try:
        found = answered(home, lambda: count_rows(home))
    except LockedError:
        print(f"{home.database}: {size(before.file_bytes)}, {_fresh(before)}", file=sys.stderr)
        raise
    if as_json:
        known = {"up_to_date_before": before.up_to_date, "held_by": before.held_by}
        print_json(asdict(found) | known | {"file": str(home.database)})
        return
    rows = tuple((name, f"{count:,}") for name, count in found.tables.items())
    print(Table((Column("table", "left"), Column("rows")), rows).text())
    print(f"\n{home.database}: {size(found.file_bytes)}, {found.bad_lines} unreadable log lines")
    print(f"up to date now; before, {_fresh(before)}")


def _fresh(found: "Standing") -> str:
    """When it was last up to date, and who held it."""
    from datetime import UTC, datetime

    when = datetime.fromtimestamp(found.up_to_date, UTC) if found.up_to_date else None
    fresh = f"last brought up to date {when:%Y-%m-%d %H:%M:%S} UTC" if when else "never read from the logs"
    return f"{fresh}, held by {found.held_by}" if found.held_by else fresh
