"""`workbench compare`: plans against a baseline, as a whole and per layer group."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.context import answered, current_home, print_json
from workbench.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from store.comparison import Comparison
    from workbench.run.layout import Home

BY = "type"


def compare(
    selection: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN|PLAN]...", help="Runs or plans; all finished runs if none.")
    ] = None,
    by: Annotated[
        str, typer.Option(help="Layer groups: all, type, band, type,band, module, block, or @group[,@group].")
    ] = BY,
    baseline: Annotated[str | None, typer.Option(help="The plan or run that deltas are taken from.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, a row per plan and group.")] = False,
    as_markdown: Annotated[bool, typer.Option("--md", help="Print markdown.")] = False,
    examples: Annotated[
        bool, typer.Option("--examples", help="Compare two runs or plans example by example, with McNemar's test.")
    ] = False,
    limit: Annotated[int | None, typer.Option(help="With --examples: at most so many (10); 0 is all.", min=0)] = None,
) -> None:
    """Compare plans: evaluation over seeds with the delta to the baseline, and every layer group's part in it.

    With --examples, two runs or plans A and B: what both, only A, only B and neither had right, per common seed and
    over all of them, and the examples where they differ.
    """
    if examples:
        _only_with_examples(by, baseline, as_csv, as_markdown)
        from workbench.cli.compare_examples import compare_examples

        compare_examples(current_home(), selection or (), limit, as_json)
        return
    if as_json + as_csv + as_markdown > 1:
        raise UsageError("--json, --csv and --md exclude each other", "choose one")
    if limit is not None:
        raise UsageError("--limit goes with --examples", "workbench compare --examples A B --limit N")
    home = current_home()
    found = answered(home, lambda: _compared(home, selection or [], by, baseline))
    if as_json:
        print_json(found.to_rows())
    else:
        show_comparison(found, as_csv, as_markdown)


def _compared(home: "Home", selection: list[str], by: str, baseline: str | None) -> "Comparison":
    from store.compare import compare as ask

    try:
        return ask(home, selection, by, baseline)
    except NotFoundError:
        # A plan that sets what another one sets has its runs under the other's name.
        hashes = {word: _hash_of_plan(home, word) for word in (*selection, baseline) if word}
        if not any(hashes.values()):
            raise
        words = [hashes[word] or word for word in selection]
        return ask(home, words, by, (hashes[baseline] or baseline) if baseline else None)


def _hash_of_plan(home: "Home", word: str) -> str | None:
    """The hash of the plan of that name, None when there is none or it does not resolve."""
    from workbench.plan.files import check_plan

    try:
        plan = check_plan(word, home).plan
    except NotFoundError:
        return None
    if plan:
        print(f"{word}: taking the runs of every plan that sets the same ({plan.hash})", file=sys.stderr)
    return plan.hash if plan else None


def _only_with_examples(by: str, baseline: str | None, as_csv: bool, as_markdown: bool) -> None:
    given = {"--by": by != BY, "--baseline": baseline is not None, "--csv": as_csv, "--md": as_markdown}
    if unfit := [name for name, is_given in given.items() if is_given]:
        raise UsageError(
            f"{', '.join(unfit)} does not go with --examples", "compare --examples A B [--limit N] [--json]"
        )


def show_comparison(found: "Comparison", as_csv: bool = False, as_markdown: bool = False) -> None:
    """Prints the comparison as tables; CSV is one table. Warnings go to stderr."""
    from workbench.cli.show_table import show_table
    from workbench.report.comparison import flat_table, group_table, plan_table

    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if as_csv:
        show_table(flat_table(found), as_csv=True)
        return
    show_table(plan_table(found), as_markdown=as_markdown)
    print(f"\nΔ is against {found.baseline} on common seeds, ± half of its 95 % interval; after a mean, ± is the")
    print(f"standard deviation over seeds. ↓ lower is better, ↑ higher is better. Layer groups by {found.by}:\n")
    show_table(group_table(found), as_markdown=as_markdown)
