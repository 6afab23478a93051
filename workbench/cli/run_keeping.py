"""`workbench runs tag|rename|diff|export`: what a person calls runs, how two differ, what a run was made from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.context import current_home, print_json

if TYPE_CHECKING:
    from workbench.library.run_diff import RunDiff

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run's identifier, its start, or its name.")]


def tag(
    run: RunArgument,
    tags: Annotated[list[str] | None, typer.Argument(metavar="TAG...", help="Tags to add.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", metavar="TAG", help="Take this tag away.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take all others away.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tag a run, so that it is found again; without tags, show those it has."""
    from workbench.library.tags import change_tags, tags_of
    from workbench.run.find import find_run

    run_dir = find_run(current_home(), run)
    before, wanted = tags_of(run_dir), tuple(tags or ())
    gone = tuple(tag for tag in before if tag not in wanted) if clear else ()
    changed = wanted or remove or gone
    now = change_tags(run_dir, wanted, (*gone, *(remove or ()))) if changed else before
    if as_json:
        print_json({"run_id": run_dir.run_id, "tags": list(now)})
    else:
        print(f"{run_dir.run_id}: {' '.join(f'#{tag}' for tag in now) or 'no tags'}")


def rename(run: RunArgument, name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")]) -> None:
    """Give a run another name; what it wrote stays, and so does its identifier."""
    from workbench.library.tags import rename_run
    from workbench.run.find import find_run

    run_dir = find_run(current_home(), run)
    rename_run(run_dir, name)
    print(f"{run_dir.run_id} is called {name} now")


def diff(
    old: RunArgument,
    new: Annotated[str, typer.Argument(metavar="RUN", help="The run to compare it with.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how the plans and the recipes of two runs differ."""
    from dataclasses import asdict

    from workbench.library.run_diff import diff_runs
    from workbench.run.find import find_run
    from workbench.run.record import read_record

    home = current_home()
    found = diff_runs(*(read_record(find_run(home, word).record) for word in (old, new)))
    if as_json:
        print_json(asdict(found))
    else:
        print("\n".join(_lines(found)))


def export(
    run: RunArgument,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The .zip to write.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file of that name.")] = False,
) -> None:
    """Write plan and recipe of a run as a zip; `workbench import` takes it into another home."""
    from workbench.library.bundle import write_bundle
    from workbench.run.find import find_run

    write_bundle(find_run(current_home(), run), to, force)
    print(f"wrote {to}")


def _lines(found: "RunDiff") -> list[str]:
    from workbench.library.recipe_values import shown
    from workbench.report.plain import visible

    if found.is_empty:
        return ["the runs do not differ in plan, recipe, seed, model or data"]
    lines = [f"{key}: {visible(str(a))} → {visible(str(b))}" for key, (a, b) in found.runs.items()]
    if found.recipe:
        lines += ["", "recipe", *(f"  {key}: {shown(a)} → {shown(b)}" for key, (a, b) in found.recipe.items())]
    if found.sites:
        lines += ["", "sites", *(f"  {_named(names)}: {words}" for words, names in found.sites.items())]
    return lines


def _named(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} sites, {names[0]} to {names[-1]}"
