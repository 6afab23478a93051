"""`workbench sql`: ask the results anything, without being able to harm them."""

from typing import Annotated, Any

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
    from workbench.cli.show_table import show_table
    from workbench.report.table import Column, Table

    home = current_home()
    result = answered(home, lambda: query(home, statement, limit, seconds))
    if as_json:
        print_json([{c: _plain(v) for c, v in zip(result.columns, row, strict=True)} for row in result.rows])
    else:
        numeric = ("INT", "DOUBLE", "FLOAT", "DECIMAL", "HUGEINT", "NUMBER")
        columns = tuple(
            Column(name, "right" if any(word in kind.upper() for word in numeric) else "left")
            for name, kind in zip(result.columns, result.types, strict=True)
        )
        cells = tuple(tuple("" if v is None else str(v) for v in row) for row in result.rows)
        show_table(Table(columns, cells), as_csv, as_markdown)
    if result.truncated:
        print(f"cut at {limit} rows: there are more (--limit)", file=sys.stderr)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value)
