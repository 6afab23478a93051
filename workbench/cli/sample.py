"""`workbench sample`: the study that ships with the program, as a home for the command line."""

import shlex
from pathlib import Path
from typing import Annotated

import typer


def sample(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is empty or not there yet.")],
) -> None:
    """Unpack the sample study: the real logs of a study of the demo base, to try reports, lenses and SQL on."""
    from workbench.sample.home import STUDY, unpack

    home = unpack(folder.absolute())
    print(f"{home.path}: the study {STUDY}, read only\n")
    for words in (f"study report {STUDY}", "runs list", 'sql "from group_summary limit 5"', "tui"):
        print(f"workbench --home {shlex.quote(str(home.path))} {words}")
