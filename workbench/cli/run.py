"""`workbench run`: train plans and follow them, or leave them to the queue."""

import sys
from typing import Annotated, Any

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
    jobs: Annotated[
        int, typer.Option(help="Use slots for so many runs at once; 0 decides (one per GPU, else up to 2).", min=0)
    ] = 0,
    threads: Annotated[int, typer.Option(help="Threads of each run; 0 shares the cores out.", min=0)] = 0,
    force: Annotated[bool, typer.Option(help="Run again what is finished already.")] = False,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Put the runs into the queue and return; nothing has to stay open.")
    ] = False,
    after: Annotated[
        list[str] | None, typer.Option(metavar="RUN", help="Start once this run has finished. May be repeated.")
    ] = None,
    retries: Annotated[
        int, typer.Option(help="Try again so often what was lost, killed or preempted, from its checkpoint.", min=0)
    ] = 0,
    priority: Annotated[int, typer.Option(help="Higher goes first in the queue.")] = 0,
    hold: Annotated[bool, typer.Option(help="With --detach: wait for `workbench runs release`.")] = False,
) -> None:
    """Train plans with a recipe, one run per plan and seed, and print the results as JSON.

    A run that was finished before is answered from the store. Ctrl-C stops cleanly and keeps what was logged; a second
    one kills. With --detach, `workbench runs watch` shows the runs from any terminal.
    """
    from workbench.cli.launching import Options, launch, records_of, submit
    from workbench.plan.files import check_plan, plan_or_raise
    from workbench.run.find import find_runs
    from workbench.run.queue import awaited
    from workbench.run.recipe_file import load_recipe

    home = current_home()
    if name and len(plans) > 1:
        raise UsageError("--name fits one plan only", "leave it out: runs are named after their plans")
    if hold and not detach:
        raise UsageError("--hold goes with --detach", "a run on hold is followed by nobody")
    before = tuple(run_dir.run_id for run_dir in find_runs(home, after or []))
    checks = [check_plan(ref, home) for ref in plans]
    resolved = [plan_or_raise(check, ref) for check, ref in zip(checks, plans, strict=True)]
    for warning in dict.fromkeys(warning for check in checks for warning in check.warnings):
        print(f"warning: {warning}", file=sys.stderr)
    recipe_name, value = load_recipe(recipe, home, tuple(change or ()))
    records = records_of(home, resolved, recipe_name, value, seed or [1], name)
    if own := {record.run_id for record in records} & awaited(home, before):
        raise UsageError(
            f"run {min(own)} would wait for itself", "leave it, and what waits for it in the queue, out of --after"
        )
    options = Options(jobs, threads, force, before, priority, retries, hold)
    if detach:
        placed = submit(home, records, options)
        _say_placed(placed, hold)
        print_json(placed[0] if len(placed) == 1 else placed)
        return
    outcome = launch(home, records, options)
    print_json(outcome.answers[0] if len(outcome.answers) == 1 else list(outcome.answers))
    if outcome.interrupted:
        raise typer.Exit(INTERRUPTED)
    if not outcome.all_finished:
        raise typer.Exit(1)


def _say_placed(placed: list[dict[str, Any]], hold: bool) -> None:
    counts = {
        status: sum(row["status"] == status for row in placed) for status in dict.fromkeys(r["status"] for r in placed)
    }
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    hint = "workbench runs release RUN lets them start" if hold else "they go on by themselves: workbench runs watch"
    print(f"{told}; {hint}", file=sys.stderr)
