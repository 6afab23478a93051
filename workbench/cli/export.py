"""`workbench export`: the results as files that notebooks and other programs may keep open."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.context import answered, current_home, print_json
from workbench.errors import UsageError

if TYPE_CHECKING:
    from store.export import ExportedFile
    from store.exported import Form


def export(
    parquet: Annotated[Path | None, typer.Option(metavar="DIR", help="A new folder for Parquet files.")] = None,
    csv: Annotated[Path | None, typer.Option(metavar="DIR", help="A new folder for CSV files.")] = None,
    tables: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only these tables and views, with commas between.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a folder that this command wrote.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write every table, and the views over them, as a file of its own: a copy that locks nobody out.

    In CSV an empty field is NULL, and "" is an empty text. Parquet keeps every type.
    """
    from dataclasses import asdict

    from store.export import export as write
    from store.exported import check_place

    folder, form = _place(parquet, csv)
    check_place(folder, force)
    wanted = [name.strip() for name in (tables or "").split(",") if name.strip()]
    home = current_home()
    files = answered(home, lambda: write(home, folder, form, wanted, force))
    if as_json:
        print_json({"folder": str(folder), "files": [asdict(file) for file in files]})
    else:
        print(_text(folder, form, files))


def _place(parquet: Path | None, csv: Path | None) -> "tuple[Path, Form]":
    if parquet is not None and csv is None:
        return parquet.expanduser().absolute(), "parquet"
    if csv is not None and parquet is None:
        return csv.expanduser().absolute(), "csv"
    raise UsageError("name one folder and its form", "workbench export --parquet DIR, or --csv DIR")


def _text(folder: Path, form: "Form", files: "list[ExportedFile]") -> str:
    from workbench.report.numbers import size
    from workbench.report.table import Column, Table

    rows = tuple((file.table, f"{file.rows:,}", size(file.bytes)) for file in files)
    table = Table((Column("table", "left"), Column("rows"), Column("size")), rows).text()
    names = [file.table for file in files]
    example = "run_summary" if "run_summary" in names else names[0]
    return "\n".join([table, "", f"{folder}: {len(files)} files", *_openings(folder / f"{example}.{form}", form)])


def _openings(path: Path, form: "Form") -> list[str]:
    """How to open a file, in DuckDB and in pandas. An identifier may consist of digits alone, and is no number."""
    name, quoted = str(path), str(path).replace("'", "''")
    if form == "parquet":
        return [f"duckdb:  from '{quoted}'", f"pandas:  pandas.read_parquet({name!r})"]
    with path.open(encoding="utf-8") as file:
        has_run = "run_id" in file.readline()
    types, dtype = (", types = {'run_id': 'VARCHAR'}", ", dtype={'run_id': str}") if has_run else ("", "")
    return [
        f"duckdb:  from read_csv('{quoted}', allow_quoted_nulls = false{types})",
        f"pandas:  pandas.read_csv({name!r}, keep_default_na=False, na_values=['']{dtype})",
    ]
