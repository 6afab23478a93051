"""`workbench run`: train plans and follow them."""

import sys
from typing import Annotated

import typer

from workbench.cli.context import current_home, print_json
from workbench.errors import UsageError

INTERRUPTED = 130
MAX_SEED = 2**31 - 1  # what the results database holds


def run(
    plans: Annotated[list[str], typer.Argument(metavar="PLAN...", help="Plan files, or names of plans.")],
    recipe: Annotated[str, typer.Option(help="A recipe file, or the name of a recipe.")],
    seed: Annotated[
        list[int] | None, typer.Option(help="May be repeated: one run each. Default 1.", min=0, max=MAX_SEED)
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the runs instead of the plan's (one plan only).")] = "",
    change: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the recipe.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Runs at once; 0 decides (one per GPU, else up to 2).", min=0)] = 0,
    threads: Annotated[int, typer.Option(help="Threads of each run; 0 shares the cores out.", min=0)] = 0,
    force: Annotated[bool, typer.Option(help="Run again what is finished already.")] = False,
) -> None:
    """Train plans with a recipe, one run per plan and seed, and print the results as JSON.

    A run that was finished before is answered from the store. Ctrl-C stops cleanly and keeps what was logged.
    """
    from workbench.cli.launching import Options, launch, records_of
    from workbench.plan.files import check_plan, plan_or_raise
    from workbench.run.recipe_file import load_recipe

    home = current_home()
    if name and len(plans) > 1:
        raise UsageError("--name fits one plan only", "leave it out: runs are named after their plans")
    checks = [check_plan(ref, home) for ref in plans]
    resolved = [plan_or_raise(check, ref) for check, ref in zip(checks, plans, strict=True)]
    for warning in dict.fromkeys(warning for check in checks for warning in check.warnings):
        print(f"warning: {warning}", file=sys.stderr)
    recipe_name, value = load_recipe(recipe, home, tuple(change or ()))
    records = records_of(home, resolved, recipe_name, value, seed or [1], name)
    outcome = launch(home, records, Options(jobs, threads, force))
    print_json(outcome.answers[0] if len(outcome.answers) == 1 else list(outcome.answers))
    if outcome.interrupted:
        raise typer.Exit(INTERRUPTED)
    if not outcome.all_finished:
        raise typer.Exit(1)
