"""The Typer app: one file per noun, imported when it is asked for."""

from pathlib import Path
from typing import Annotated

import typer

from workbench import __version__
from workbench.cli.context import remember_home
from workbench.cli.lazy_commands import Commands

app = typer.Typer(
    name="workbench",
    cls=Commands,
    help="Find out where in a quantized language model adapter capacity pays.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"adapter-workbench {__version__}")
        raise typer.Exit


@app.callback()
def options(
    home: Annotated[
        Path | None,
        typer.Option(help="Folder with plans, runs and results (else $WORKBENCH_HOME, else the nearest .workbench)."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    remember_home(home)
