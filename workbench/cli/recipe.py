"""`workbench recipe`: look at recipes, compare them, keep them in order."""

from typing import Annotated

import typer

from workbench.cli.context import current_home, print_json
from workbench.cli.keeping_commands import add_keeping

app = typer.Typer(help="Show and compare recipes; copy them, rename them, put them away.", no_args_is_help=True)

RecipeArgument = Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe file, or the name of a recipe.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the recipes of the home, and those that ship with the program."""
    from workbench.library.entry import Kind, file_entries

    found = [entry for entry in file_entries(current_home()) if entry.kind is Kind.RECIPE]
    if as_json:
        print_json([{"name": e.name, "file": str(e.path), "built_in": e.built_in} for e in found])
        return
    for entry in found:
        print(f"{entry.name}  {entry.path}")


@app.command()
def show(recipe: RecipeArgument, as_json: Json = False) -> None:
    """Show what holds for every key of a recipe, and what of that is the default."""
    from workbench.library.recipe_values import against_defaults, recipe_values

    values = recipe_values(recipe, current_home())
    if as_json:
        print_json({key: value.now for key, value in values.items()})
        return
    print("\n".join(against_defaults(values)))


@app.command()
def diff(
    old: RecipeArgument,
    new: Annotated[str, typer.Argument(metavar="RECIPE", help="The recipe to compare it with.")],
    as_json: Json = False,
) -> None:
    """Show the keys in which two recipes differ."""
    from workbench.library.recipe_values import differences, recipe_values

    home = current_home()
    found = differences(recipe_values(old, home), recipe_values(new, home))
    if as_json:
        print_json([{"key": key, "old": a, "new": b} for key, a, b in found])
        return
    from workbench.library.recipe_values import shown

    lines = [f"{key}: {shown(a)} → {shown(b)}" for key, a, b in found]
    print("\n".join(lines) or "the recipes do not differ")


add_keeping(app, "recipe")
