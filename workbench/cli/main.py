"""The command `workbench`: one Typer app, one file per noun, imported when it is asked for."""

import errno
import gc
import sys
from pathlib import Path
from typing import Annotated

import typer

from workbench import __version__
from workbench.cli.context import remember_home
from workbench.cli.errors import show_error
from workbench.cli.lazy_commands import Commands
from workbench.errors import WorkbenchError

INTERRUPTED = 130

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


def main() -> None:
    """Runs a command and maps every expected error to its exit code."""
    # Imports make objects that stay: to look through them for garbage again and again takes a tenth of a short command.
    gc.set_threshold(20_000, 20)
    try:
        app()
    except WorkbenchError as error:
        show_error(error)
        sys.exit(error.exit_code)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            # Whoever read stdout went away (`| head`): not an error, and nothing more can be said there.
            sys.stderr.close()
            sys.exit(0)
        show_error(WorkbenchError(f"{error.filename or 'the system'}: {error.strerror or error}", _advice(error)))
        sys.exit(WorkbenchError.exit_code)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


def _advice(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "free some space; nothing half-written was kept"
    return "check the path, its permissions and --home"


if __name__ == "__main__":
    main()
