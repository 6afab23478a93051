"""`workbench lens`: named queries on the results."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.context import answered, current_home, print_json, refresh
from workbench.errors import UsageError

if TYPE_CHECKING:
    from store.lenses import LensResult, Listed

app = typer.Typer(help="Lenses: named SQL queries on the results, each with its title.", no_args_is_help=True)


@app.command("list")
def list_lenses(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the lenses that come with the program and those in the home's folder `lenses`."""
    from store.lenses import known
    from workbench.report.table import Column, Table

    found = known(current_home())
    if as_json:
        print_json([_listed_json(listed) for listed in found])
        return
    headings = (Column("lens", "left"), Column("of", "left"), Column("takes", "left"), Column("title", "left"))
    print(Table(headings, tuple(_listed_cells(listed) for listed in found)).text())
    for listed in found:
        if listed.problem:
            print(f"warning: {listed.problem}", file=sys.stderr)


def _listed_cells(listed: "Listed") -> tuple[str, ...]:
    whose = "built in" if listed.built_in else "yours, for the built-in one" if listed.stands_in else "yours"
    options = " ".join(f"--{name}" for name in listed.lens.parameters) if listed.lens else ""
    return listed.name, whose, options, listed.lens.title if listed.lens else "(cannot be read)"


def _listed_json(listed: "Listed") -> dict[str, Any]:
    lens = listed.lens
    return {
        "name": listed.name,
        "title": lens.title if lens else None,
        "parameters": list(lens.parameters) if lens else [],
        "chart": str(lens.chart) if lens and lens.chart else None,
        "built_in": listed.built_in,
        "stands_in": listed.stands_in,
        "file": str(listed.path),
        "problem": listed.problem or None,
    }


@app.command("run")
def run_lens(
    name: Annotated[str, typer.Argument(help='A lens, such as cost or "group means"; see `workbench lens list`.')],
    study: Annotated[
        str | None, typer.Option(help="Compare the arms of this study; else the only one, if any.")
    ] = None,
    plans: Annotated[bool, typer.Option("--plans", help="Compare the plans of all finished runs instead.")] = False,
    metric: Annotated[str | None, typer.Option(help="Such as loss, exact_match or loss@int4.")] = None,
    baseline: Annotated[str | None, typer.Option(help="The arm or plan deltas are taken from.")] = None,
    group: Annotated[
        str | None, typer.Option(help="Layer groups: all, type, band, type,band, module, block, or @group[,@group].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, with every digit.")] = False,
    as_markdown: Annotated[bool, typer.Option("--md", help="Print markdown.")] = False,
    as_sql: Annotated[
        bool, typer.Option("--sql", help="Print the SQL that gives the rows, for `workbench sql`.")
    ] = False,
    limit: Annotated[int, typer.Option(help="Rows at most.", min=1)] = 1000,
    seconds: Annotated[float, typer.Option(help="Seconds at most.", min=0.1)] = 10.0,
) -> None:
    """Run a lens. What is not named is looked for: the study, its baseline and its metric, else the first plan."""
    from store.lenses import run

    if as_json + as_csv + as_markdown + as_sql > 1:
        raise UsageError("--json, --csv, --md and --sql exclude each other", "choose one")
    if plans and study is not None:
        raise UsageError("--plans and --study exclude each other", "choose one")
    given = {"study": study, "metric": metric, "baseline": baseline, "group": group}
    parameters = {key: value for key, value in given.items() if value is not None or (plans and key == "study")}
    home = current_home()
    found = answered(home, lambda: run(home, name, parameters, limit, seconds))
    for note in found.notes:
        print(f"note: {note}", file=sys.stderr)
    if as_json:
        print_json(result_json(found))
    elif as_sql:
        print(found.sql)
    else:
        _show(found, as_csv, as_markdown)
    if found.truncated:
        print(f"cut at {limit} rows: there are more (--limit)", file=sys.stderr)


def result_json(found: "LensResult") -> dict[str, Any]:
    """What `lens run --json` prints."""
    from workbench.cli.query_rows import row_objects

    return {
        "name": found.name,
        "title": found.title,
        "chart": {"kind": found.chart.kind, **found.chart.columns} if found.chart else None,
        "parameters": found.parameters,
        "columns": [{"name": name, "type": kind} for name, kind in zip(found.columns, found.types, strict=True)],
        "rows": row_objects(found.columns, found.rows),
        "truncated": found.truncated,
        "notes": list(found.notes),
        "sql": found.sql,
    }


def _show(found: "LensResult", as_csv: bool, as_markdown: bool) -> None:
    from workbench.cli.query_rows import rounded, rows_table
    from workbench.cli.show_table import show_table

    table = rows_table(found.columns, found.types, found.rows, None if as_csv else rounded)
    if not as_csv:
        named = ", ".join(f"{key} {value}" for key, value in found.parameters.items() if value is not None)
        print(f"{found.title}{f' ({named})' if named else ''}\n")
    show_table(table, as_csv, as_markdown)


@app.command("save")
def save_lens(
    name: Annotated[str, typer.Argument(help="How to call it; blanks are fine.")],
    sql: Annotated[
        str | None, typer.Option(help="The query; it may hold $study, $metric, $baseline and $group.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="A file with the query.")] = None,
    title: Annotated[str | None, typer.Option(help="What it shows, in one sentence.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a lens of that name.")] = False,
) -> None:
    """Keep a query as a lens, once it was seen to run.

    One that has the name of a built-in lens stands in for it. The head of a file may hold `-- title: ...`,
    `-- chart: lines x=COLUMN y=COLUMN` and `-- needs: study`.
    """
    from store.lenses import save
    from store.lenses.shelf import read

    if (sql is None) == (file is None):
        raise UsageError("give the query in one way", 'lens save NAME --sql "from run_summary", or --file FILE')
    home = current_home()
    text, source = (read(file), str(file)) if file else (sql or "", "--sql")
    refresh(home)
    saved = save(home, name, text, title, force, source)
    print(f"wrote {saved.lens.path}: {saved.rows} rows when tried")
    if saved.stands_in:
        print(f"note: it stands in for the built-in lens '{saved.lens.name}'", file=sys.stderr)
