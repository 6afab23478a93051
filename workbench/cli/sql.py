"""`workbench sql`: ask the results anything, without being able to harm them."""

from typing import Annotated

import typer

from workbench.cli.context import answered, current_home, print_json


def sql(
    statement: Annotated[str, typer.Argument(help='SQL of DuckDB, such as "from run_summary".')],
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of row objects.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_markdown: Annotated[bool, typer.Option("--md", help="Print markdown.")] = False,
    limit: Annotated[int, typer.Option(help="Rows at most.", min=1)] = 1000,
    seconds: Annotated[float, typer.Option(help="Seconds at most.", min=0.1)] = 10.0,
) -> None:
    """Run SQL on the results. Read only: tables, files, network and settings are out of its reach."""
    import sys

    from store.sandbox import query
    from workbench.cli.query_rows import row_objects, rows_table
    from workbench.cli.show_table import show_table

    home = current_home()
    result = answered(home, lambda: query(home, statement, limit, seconds))
    if as_json:
        print_json(row_objects(result.columns, result.rows))
    else:
        show_table(rows_table(result.columns, result.types, result.rows), as_csv, as_markdown)
    if result.truncated:
        print(f"cut at {limit} rows: there are more (--limit)", file=sys.stderr)
