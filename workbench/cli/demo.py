"""`workbench demo`: the main job from nothing to a table, on the base that ships with the program."""

import shutil
import sys
from typing import Annotated

import typer

from workbench.cli.context import current_home

BASELINE = "demo-baseline"
ARMS = (BASELINE, "demo-quarter-mlp", "demo-quarter-attention", "demo-quarter-all")
REFERENCES = ("demo-reference-nf4", "demo-reference-fp32")
SEEDS = (1, 2)
INTERRUPTED = 130


def demo(
    force: Annotated[bool, typer.Option(help="Run again what is finished already.")] = False,
    by: Annotated[str, typer.Option(help="Layer groups of the comparison.")] = "type",
) -> None:
    """Quarter the rank in the MLP, in attention and everywhere, train with two seeds each, and compare."""
    from store.compare import compare
    from workbench.cli.compare import show_comparison
    from workbench.cli.launching import Options, launch, records_of
    from workbench.plan.files import load_plan
    from workbench.run.recipe_file import load_recipe

    home = current_home()
    plans = [load_plan(name, home) for name in (*REFERENCES, *ARMS)]
    recipe_name, recipe = load_recipe("demo", home)
    records = records_of(home, plans, recipe_name, recipe, SEEDS)
    print(f"{len(records)} runs of {recipe.steps} steps in {home.path}", file=sys.stderr)
    outcome = launch(home, records, Options(force=force))
    if outcome.interrupted:
        raise typer.Exit(INTERRUPTED)
    if not outcome.all_finished:
        print("not every run finished: see `workbench runs list`", file=sys.stderr)
        raise typer.Exit(1)
    show_comparison(compare(home, [*ARMS, *REFERENCES], by, BASELINE))
    command = "workbench" if shutil.which("workbench") else sys.argv[0]
    print(f"\nMore: {command} compare --by type,band · {command} runs list · {command} sql 'from group_summary'")
