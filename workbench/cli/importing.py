"""`workbench import`: files from elsewhere into the home."""

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.context import current_home, print_json


def import_files(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Plan, recipe or study files, or a .zip of `runs export`.")
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace files of the same names.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Copy plans, recipes and studies into the home; what a file is, is told from its keys."""
    from workbench.library.arriving import import_file

    home = current_home()
    arrived = [one for path in files for one in import_file(home, path, force)]
    if as_json:
        print_json([{"kind": one.kind, "name": one.name, "file": str(one.path)} for one in arrived])
        return
    for one in arrived:
        print(f"{one.kind} {one.name}: {one.path}")
