"""`workbench study`: ask a question with many runs: write, check, run and watch a study."""

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.keeping_commands import add_keeping

app = typer.Typer(
    help="Ask a question with many runs: a baseline, factors with levels, and seeds.", no_args_is_help=True
)

StudyArgument = Annotated[
    str | None,
    typer.Argument(metavar="STUDY", help="A study file, or the name of a study; may be left out where there is one."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _named(study: str | None) -> str:
    """The study that was named, else the only one of the home. Raises UsageError where there are others."""
    from workbench.cli.context import current_home
    from workbench.study.study import only_study

    return study or only_study(current_home())


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the studies of this home and those that ship with the program, with their questions."""
    from workbench.cli.study_new import list_studies

    list_studies(as_json)


@app.command()
def new(
    from_: Annotated[str, typer.Option("--from", metavar="BUILTIN", help="A built-in study; `study list` names them.")],
    model: Annotated[str, typer.Option(help="demo, a local model folder, or a hub id.")],
    name: Annotated[
        str | None,
        typer.Argument(
            help="Name of the study; it is written to the home's studies folder.",
            show_default="that of the built-in one",
        ),
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit of a hub id.")] = None,
    recipe: Annotated[
        str | None, typer.Option(help="A recipe file, or the name of a recipe.", show_default="demo, with model demo")
    ] = None,
    base: Annotated[str | None, typer.Option(help="Base format of all sites, instead of the study's.")] = None,
    rank: Annotated[int | None, typer.Option("--rank", "-r", help="Rank of the baseline.", min=1)] = None,
    alpha: Annotated[
        str | None, typer.Option(help="2r: scaling stays where ranks are cut; fixed: alpha does.", show_default="2r")
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Such as 1,2,3 or 1-5.", show_default="1,2,3")] = None,
    metric: Annotated[str | None, typer.Option(help="What the arms are compared by.")] = None,
    levels: Annotated[
        list[str] | None, typer.Option(metavar="FACTOR=LEVEL,...", help="Keep only these levels. May be repeated.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Replace the file of a study of that name; its runs stay.")] = False,
    as_json: Json = False,
) -> None:
    """Write a study from a built-in one, for a model. It is checked, and nothing runs yet."""
    from workbench.cli.study_new import new_study, read_levels_option, read_seeds
    from workbench.study.builtin_file import Wishes

    local = Path(model).expanduser()
    wishes = Wishes(
        model=str(local.absolute()) if local.is_dir() else model,
        revision=revision,
        recipe=recipe,
        base=base,
        rank=rank,
        alpha=alpha,
        seeds=read_seeds(seeds) if seeds else (),
        metric=metric,
        levels=read_levels_option(levels or []),
    )
    new_study(name or from_, from_, wishes, force, as_json)


@app.command()
def check(
    study: StudyArgument = None,
    jobs: Annotated[
        int, typer.Option(help="Estimate the time with so many runs at once; 0 as `run` would.", min=0)
    ] = 0,
    arms: Annotated[bool, typer.Option("--arms", help="List every arm.")] = False,
    as_json: Json = False,
) -> None:
    """Check a study and price it: runs, parameters, memory, time, disk, and what so many seeds can show."""
    from workbench.cli.study_check import check_study

    check_study(_named(study), jobs, arms, as_json)


@app.command()
def run(
    study: StudyArgument = None,
    jobs: Annotated[
        int, typer.Option(help="Use slots for so many runs at once; 0 decides (one per GPU, else up to 2).", min=0)
    ] = 0,
    threads: Annotated[int, typer.Option(help="Threads of each run; 0 shares the cores out.", min=0)] = 0,
    retries: Annotated[
        int, typer.Option(help="Try again so often what was lost, killed or preempted, from its checkpoint.", min=0)
    ] = 0,
    priority: Annotated[int, typer.Option(help="Higher goes first in the queue.")] = 0,
    hold: Annotated[bool, typer.Option(help="Queue the runs and wait for `workbench runs release`.")] = False,
    detach: Annotated[
        bool, typer.Option("--detach/--follow", help="Return at once, or follow the runs until they are over.")
    ] = True,
) -> None:
    """Put the runs that a study still misses into the queue; prints where it stands as JSON.

    What is finished is kept. Runs that were paused, stopped or lost go on from their checkpoint.
    """
    from workbench.cli.study_run import run_study
    from workbench.errors import UsageError

    if hold and not detach:
        raise UsageError("--hold goes with --detach", "runs on hold are followed by nobody")
    run_study(_named(study), jobs, threads, retries, priority, hold, detach)


@app.command()
def status(study: StudyArgument = None, as_json: Json = False) -> None:
    """Show how far the runs of a study are, arm by arm."""
    from workbench.cli.study_status import show_status

    show_status(_named(study), as_json)


@app.command()
def report(
    study: StudyArgument = None,
    html: Annotated[bool, typer.Option("--html", help="Write one HTML file with figures and queries.")] = False,
    md: Annotated[bool, typer.Option("--md", help="Write Markdown, its figures in a folder beside it.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write.", show_default="report.html or .md of the study")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what the runs of a study show: verdicts on its claims, arms with intervals, figures, costs, limits."""
    from workbench.cli.study_report import report_study
    from workbench.errors import UsageError

    if html + md + as_json > 1:
        raise UsageError("--html, --md and --json exclude each other", "ask for one of them")
    if out and not (html or md):
        raise UsageError("--out goes with --html or --md", "say which of the two it is")
    report_study(_named(study), html, md, out, as_json)


add_keeping(app, "study", " Its runs stay.")
