"""`workbench tui`, and `workbench` alone on a terminal: the screens."""

import sys
from typing import Annotated

import typer

from workbench.cli.context import current_home
from workbench.errors import UsageError


def screens(
    model: Annotated[
        str, typer.Option(help="What the Plan screen begins with: demo, a local folder, or a hub id.")
    ] = "demo",
    sample: Annotated[
        bool, typer.Option("--sample", help="Begin with the sample study; 0 returns to your own home.")
    ] = False,
) -> None:
    """Open the screens: compose a plan, watch runs, compare. `workbench` alone does so, too, on a terminal."""
    from tui.app import run_app

    if not sys.stdout.isatty():
        raise UsageError("the screens need a terminal", "every action has a command: workbench --help")
    run_app(current_home(), model, sample)
