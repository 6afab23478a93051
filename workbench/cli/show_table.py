"""Prints a table in the form asked for."""

from workbench.report.table import Table


def show_table(table: Table, as_csv: bool = False, as_markdown: bool = False) -> None:
    print(table.csv() if as_csv else table.markdown() if as_markdown else table.text())
