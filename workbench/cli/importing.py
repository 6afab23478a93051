"""`workbench import`: files from elsewhere into the home."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.context import current_home, print_json
from workbench.errors import UsageError


def import_files(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Plan, recipe or study files, a .zip of `runs export`, or -."),
    ],
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="With -: the name of what comes from standard input.")
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace files of the same names.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Copy plans, recipes and studies into the home; what a file is, is told from its keys."""
    from workbench.library.arriving import import_file, import_text

    home, typed = current_home(), [str(path) for path in files] == ["-"]
    if name and not typed:
        raise UsageError("--name is for what comes from standard input", "workbench import - --name NAME < FILE")
    if typed:
        arrived = [import_text(home, sys.stdin.read(), name, force)]
    else:
        arrived = [one for path in files for one in import_file(home, path, force)]
    if as_json:
        print_json([{"kind": one.kind, "name": one.name, "file": str(one.path)} for one in arrived])
        return
    for one in arrived:
        print(f"{one.kind} {one.name}: {one.path}")
