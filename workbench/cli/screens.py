"""`workbench tui`, and `workbench` alone on a terminal: the screens."""

import os
import sys
from typing import Annotated

import typer

from workbench.cli.context import current_home
from workbench.errors import UsageError


def screens(
    model: Annotated[
        str, typer.Option(help="What the Plan screen begins with: demo, a local folder, or a hub id.")
    ] = "demo",
    only_ascii: Annotated[
        bool | None,
        typer.Option("--ascii/--no-ascii", help="No other glyphs; chosen by the terminal and its locale if not said."),
    ] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="Begin with the sample study; 0 returns to your own home.")
    ] = False,
) -> None:
    """Open the screens: compose a plan, watch runs, compare. `workbench` alone does so, too, on a terminal."""
    from tui.app import run_app
    from tui.shell.ascii import needs_ascii

    if not sys.stdout.isatty():
        raise UsageError("the screens need a terminal", "every action has a command: workbench --help")
    if only_ascii is None:
        only_ascii = needs_ascii(os.environ, sys.stdout.encoding or "")
    if code := run_app(current_home(), model, only_ascii, sample):
        sys.exit(code)
