"""What the keys do, as words after `workbench`: the screen runs the very commands that `Y` copies."""

from collections.abc import Sequence

from workbench.library.entry import Entry, Kind
from workbench.library.templates import plan_template

Words = list[str]
_NOUNS = {Kind.PLAN: "plan", Kind.RECIPE: "recipe", Kind.STUDY: "study", Kind.RUN: "runs"}


def word_of(entry: Entry) -> str:
    """What commands call it: the name, of a run its identifier."""
    return entry.path.name if entry.kind is Kind.RUN else entry.name


def show(entry: Entry, model: str) -> Words:
    """Shows this entry; of a template, makes something of it."""
    if entry.kind is Kind.TEMPLATE:
        template = plan_template(entry.name)
        return template.command(model) if template else new_study(entry.name, [model])
    return [_NOUNS[entry.kind], "status" if entry.kind is Kind.STUDY else "show", word_of(entry)]


def new_study(template: str, wanted: Sequence[str]) -> Words:
    """`wanted` are the model and, if there is one, the recipe."""
    recipe = ["--recipe", wanted[1]] if len(wanted) > 1 else []
    return ["study", "new", "--from", template, "--model", wanted[0], *recipe]


def run_missing(study: Entry) -> Words:
    return ["study", "run", study.name]


def reports(study: Entry) -> list[Words]:
    """One for each form."""
    return [["study", "report", study.name, form] for form in ("--html", "--md")]


def diff(one: Entry, other: Entry) -> Words:
    return [_NOUNS[one.kind], "diff", word_of(one), word_of(other)]


def clone(entry: Entry, name: str) -> Words:
    return [_NOUNS[entry.kind], "clone", word_of(entry), name]


def rename(entry: Entry, name: str) -> Words:
    return [_NOUNS[entry.kind], "rename", word_of(entry), name]


def set_tags(run: Entry, tags: Sequence[str]) -> Words:
    return ["runs", "tag", word_of(run), *tags, "--clear"]


def export(entry: Entry, file: str) -> Words:
    """A plan or a recipe as a file of its own, a run's plan and recipe as a zip."""
    if entry.kind is Kind.RUN:
        return ["runs", "export", word_of(entry), "--to", file]
    return [_NOUNS[entry.kind], "clone", entry.name, "--to", file]


def trash(entry: Entry) -> Words:
    more = ["--trash"] if entry.kind is Kind.RUN else []
    return [_NOUNS[entry.kind], "rm", word_of(entry), *more]


def restore(item: str) -> Words:
    return ["trash", "restore", item]


def import_file(path: str) -> Words:
    return ["import", path]


def import_text(name: str) -> Words:
    """Of what comes from standard input; "" for the name that is in it."""
    return ["import", "-", *(["--name", name] if name else [])]
