"""`workbench runs`: what was run, and what it wrote."""

from typing import Annotated

import typer

from workbench.cli import run_actions, run_keeping, run_watch
from workbench.cli.context import current_home, print_json
from workbench.errors import NotFoundError, UsageError

app = typer.Typer(
    help="List runs, look at one, watch them, stop and resume them, tag them and put them away.", no_args_is_help=True
)
app.command("watch")(run_watch.watch)
app.command("queue")(run_watch.queue)
for action in ("stop", "pause", "resume", "retry", "hold", "release", "priority", "rm"):
    app.command(action)(getattr(run_actions, action))
for keeping in ("tag", "rename", "diff", "export"):
    app.command(keeping)(getattr(run_keeping, keeping))

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run's identifier, its start, or its name.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the runs of this home, the newest first."""
    from workbench.cli.run_list import show_list

    show_list(as_json)


@app.command()
def show(
    run: RunArgument,
    examples: Annotated[bool, typer.Option("--examples", help="Show evaluation examples and what came out.")] = False,
    wrong: Annotated[bool, typer.Option("--wrong", help="With --examples: wrong ones only.")] = False,
    limit: Annotated[int | None, typer.Option(help="With --examples: at most so many (10); 0 is all.", min=0)] = None,
    step: Annotated[int | None, typer.Option(help="With --examples: the evaluation after this step.", min=0)] = None,
    choices: Annotated[bool, typer.Option("--choices", help="With --examples: the multiple-choice questions.")] = False,
    as_json: Json = False,
) -> None:
    """Show one run: plan, recipe, results, costs, audit, and what went wrong if something did.

    With --examples, its answers to the evaluation examples: of the latest finished attempt, else of the latest.
    """
    from workbench.cli.run_details import found_run, shown

    if not examples and (wrong or choices or limit is not None or step is not None):
        raise UsageError(
            "--wrong, --choices, --limit and --step go with --examples", f"workbench runs show {run} --examples"
        )
    run_dir, summary, view = found_run(current_home(), run)
    if examples:
        from workbench.cli.run_examples import Wanted, show_examples

        show_examples(run_dir, summary, view, Wanted(wrong, limit, step, choices), as_json)
        return
    answer, card = shown(run_dir, summary, view)
    if as_json:
        print_json(answer)
        return
    from workbench.cli.width import text_width
    from workbench.report.failure_card import card_text
    from workbench.report.run import run_text

    width = text_width()
    print("\n\n".join([run_text(answer, width), *([card_text(card, width)] if card else [])]))


@app.command()
def logs(
    run: RunArgument,
    events: Annotated[bool, typer.Option(help="Print the event log instead of the trainer's output.")] = False,
    attempt: Annotated[int, typer.Option(help="Which attempt; 0 is the latest.", min=0)] = 0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run is over.")] = False,
) -> None:
    """Print what a run's trainer wrote."""
    from workbench.cli.run_details import found_run
    from workbench.cli.tail import print_log

    run_dir, _summary, view = found_run(current_home(), run)
    wanted = attempt or view.attempt
    path = run_dir.events if events else run_dir.out(wanted)
    if not path.is_file():
        raise NotFoundError(f"{path}: no such log", f"the run has {view.attempt} attempts")
    print_log(path, run_dir, follow)
