"""The commands `clone`, `rename` and `rm` of a noun whose things are files of the home."""

from pathlib import Path
from typing import Annotated

import typer

Force = Annotated[bool, typer.Option("--force", help="Replace a file of that name.")]
To = Annotated[Path | None, typer.Option("--to", metavar="FILE", help="Write this file instead.")]
NewName = Annotated[str | None, typer.Argument(metavar="NAME", help="The copy's name in the home.", show_default=False)]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The new name.")]


def add_keeping(app: typer.Typer, noun: str, more: str = "") -> None:
    """Adds the three commands to the noun's app; `more` ends the help of `rm`."""
    word = noun.upper()
    Ref = Annotated[str, typer.Argument(metavar=word, help=f"A {noun} file, or the name of a {noun}.")]
    Refs = Annotated[list[str], typer.Argument(metavar=f"{word}...", help=f"Names of the home's {noun} files.")]

    def clone(ref: Ref, name: NewName = None, to: To = None, force: Force = False) -> None:
        from workbench.cli.keeping import clone as do
        from workbench.library.entry import Kind

        do(Kind(noun), ref, name, to, force)

    def rename(ref: Ref, name: Name) -> None:
        from workbench.cli.keeping import rename as do
        from workbench.library.entry import Kind

        do(Kind(noun), ref, name)

    def rm(refs: Refs) -> None:
        from workbench.cli.keeping import trash
        from workbench.library.entry import Kind

        trash(Kind(noun), refs)

    app.command("clone", help=f"Copy a {noun} under another name, its comments kept, or a file into the home.")(clone)
    app.command("rename", help=f"Give a {noun} of the home another name.")(rename)
    app.command("rm", help=f"Move into the trash; `workbench trash restore` brings back.{more}")(rm)
