"""The branches of the tree: what there is, and what a filter leaves of it."""

from collections.abc import Iterator, Sequence

from tui.library.run_rows import Row, Runs
from tui.library.tree import Branch, Leaf
from tui.runs.line import SIGNS
from workbench.library.entry import Entry, Kind
from workbench.library.templates import PLAN_TEMPLATES, study_templates
from workbench.report.plain import shorten
from workbench.run.layout import Home

OWN, BUILT_IN = "+", " "
TITLES = {
    Kind.STUDY: "Studies",
    Kind.PLAN: "Plans",
    Kind.RECIPE: "Recipes",
    Kind.RUN: "Runs",
    Kind.TEMPLATE: "Templates",
}
_MANY = 30


def branches(home: Home, files: Sequence[Entry], runs: Runs | None, wanted: str) -> tuple[Branch, ...]:
    """A branch per kind, with the leaves that have all words of `wanted` in their name, tags or state.

    Without one for runs while these are being read.
    """
    words = wanted.lower().split()
    leaves: dict[Kind, list[tuple[Leaf, str]]] = {kind: [] for kind in TITLES}
    for entry in files:
        sign = "" if entry.kind is Kind.STUDY else BUILT_IN if entry.built_in else OWN
        leaves[entry.kind].append((Leaf(entry, sign), "built-in" if entry.built_in else "own"))
    leaves[Kind.RUN] = [_run(home, row, runs) for row in runs.rows] if runs else []
    leaves[Kind.TEMPLATE] = [(Leaf(entry, sign), sign) for sign, entry in _templates(home)]
    all_of_them = tuple(
        Branch(TITLES[kind], tuple(leaf for leaf, more in found if _fits(leaf, more, words)), len(found))
        for kind, found in leaves.items()
        if kind is not Kind.RUN or runs is not None
    )
    return tuple(branch for branch in all_of_them if branch.leaves) if words else all_of_them


def title_of(shown: Sequence[Branch], wanted: str, narrow: bool) -> str:
    """What there is, or what the filter leaves."""
    if wanted.strip():
        return f"Library: {sum(len(branch.leaves) for branch in shown)} shown by {shorten(wanted, 30)} · esc shows all"
    templates = TITLES[Kind.TEMPLATE]
    counts = " · ".join(branch.title for branch in shown if branch.name != templates)
    return f"{counts} · i preview" if narrow else f"Library: {counts}"


def no_match(wanted: str) -> str:
    """Said where the filter lets nothing through."""
    return f"Nothing here has {shorten(wanted, 40)!r}.\nesc shows all, / changes the filter."


def closed_at_first(files: Sequence[Entry], runs: Runs) -> list[str]:
    """Many runs, and templates where there is something of one's own."""
    own = [entry for entry in files if not entry.built_in]
    closed = [TITLES[Kind.RUN]] if len(runs.rows) > _MANY else []
    return [*closed, *([TITLES[Kind.TEMPLATE]] if own else [])]


def is_empty(files: Sequence[Entry], runs: Runs) -> bool:
    """Whether the home holds nothing of its own."""
    return not runs.rows and all(entry.built_in for entry in files)


def _run(home: Home, row: Row, runs: Runs) -> tuple[Leaf, str]:
    run_id, status = str(row["run_id"]), str(row["status"])
    tags = " ".join(runs.tags.get(run_id, ()))
    entry = Entry(Kind.RUN, str(row["name"]), home.run_dir(run_id).path)
    return Leaf(entry, SIGNS.get(status, "?")), f"{run_id} {status} {row['plan']} {tags}"


def _templates(home: Home) -> Iterator[tuple[str, Entry]]:
    for sign, names in (("plan", [template.name for template in PLAN_TEMPLATES]), ("study", study_templates())):
        for name in names:
            yield sign, Entry(Kind.TEMPLATE, name, home.path, built_in=True)


def _fits(leaf: Leaf, more: str, words: Sequence[str]) -> bool:
    text = f"{leaf.entry.name} {more}".lower()
    return all(word in text for word in words)
