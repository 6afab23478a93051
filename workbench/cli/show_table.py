"""Prints a table in the form asked for."""

import sys

from workbench.report.table import Table


def show_table(table: Table, as_csv: bool = False, as_markdown: bool = False) -> None:
    """Text is fitted to the terminal; into a pipe or a file it goes in one piece."""
    width = None
    if sys.stdout.isatty():
        import shutil  # brings every way of packing files along, which only a terminal's list pays for

        width = shutil.get_terminal_size().columns
    print(table.csv() if as_csv else table.markdown() if as_markdown else table.text(width))
