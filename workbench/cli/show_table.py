"""Prints a table in the form asked for."""

import shutil
import sys

from workbench.report.table import Table


def show_table(table: Table, as_csv: bool = False, as_markdown: bool = False) -> None:
    """Text is fitted to the terminal; into a pipe or a file it goes in one piece."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    print(table.csv() if as_csv else table.markdown() if as_markdown else table.text(width))
