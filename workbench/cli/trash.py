"""`workbench trash`: what was put away, and back."""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.context import current_home, print_json
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.library.trash import Item

app = typer.Typer(help="List what was put away, bring it back, or delete it for good.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List what is in the trash, the newest first."""
    from dataclasses import asdict

    from workbench.library.trash import items

    found = items(current_home())
    if as_json:
        print_json([asdict(item) for item in found])
    elif not found:
        print("the trash is empty")
    else:
        _print(found)


@app.command()
def restore(
    things: Annotated[list[str], typer.Argument(metavar="ITEM...", help="Identifiers or names, as `list` shows them.")],
) -> None:
    """Bring things back to where they stood. Of several of one name the newest comes back."""
    from workbench.library.trash import restore as bring_back
    from workbench.report.plain import visible

    home = current_home()
    for word in things:
        item = bring_back(home, word)
        print(f"{item.kind} {visible(item.name)}: back in {home.path / item.origin}")


@app.command()
def empty(
    things: Annotated[
        list[str] | None,
        typer.Argument(metavar="ITEM...", help="Only these.", show_default="all of it"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete what is in the trash for good. There is no way back."""
    from workbench.library.trash import empty as delete
    from workbench.library.trash import find_item, items
    from workbench.report.numbers import size

    home = current_home()
    chosen = [find_item(home, word) for word in things] if things else items(home)
    if not chosen:
        print("the trash is empty")
        return
    question = f"delete {len(chosen)} thing{'s' if len(chosen) > 1 else ''} for good?"
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(f"{question} there is nobody to ask", "say --yes")
        typer.confirm(question, abort=True, err=True)
    print(f"{len(chosen)} deleted, {size(delete(home, chosen))} freed")


def _print(found: "list[Item]") -> None:
    from workbench.cli.show_table import show_table
    from workbench.report.numbers import size
    from workbench.report.plain import visible
    from workbench.report.table import Column, Table

    columns = (*(Column(name, "left") for name in ("id", "kind", "name", "put away")), Column("disk"))
    rows = tuple((i.id, i.kind, visible(i.name), _when(i.trashed), size(i.bytes)) for i in found)
    show_table(Table(columns, rows))


def _when(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
