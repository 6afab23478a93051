"""`workbench data`: look at training data the way a model will see them."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.context import current_home, print_json
from workbench.errors import InvalidError

if TYPE_CHECKING:
    from workbench.data.check import DataCheck, SourceCheck
    from workbench.data.check_choices import ChoicesCheck
    from workbench.run.recipe import Recipe

app = typer.Typer(help="Look at data before training on them.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `check` a subcommand although it is the only one."""


@app.command()
def check(
    data: Annotated[str, typer.Argument(metavar="RECIPE|DATA", help="A recipe, a data file, or a hub data set.")],
    model: Annotated[str, typer.Option(help="Whose tokenizer counts: demo, or a local model folder.")] = "demo",
    change: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the recipe.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check data: format, lengths in tokens, what is cut, samples, every malformed row. Exit code 3 if there is any."""
    from workbench.data.check import check_data

    found = check_data(_recipe(data, tuple(change or ())), lambda: _tokenizer(model))
    if as_json:
        print_json(found.to_json())
    else:
        print(_text(found))
    if not found.ok:
        raise typer.Exit(InvalidError.exit_code)


def _recipe(ref: str, changes: tuple[str, ...]) -> "Recipe":
    """The recipe that `ref` names, or one with nothing but that data."""
    from workbench.data.source import SUFFIXES, is_hub
    from workbench.run.recipe_file import load_recipe, recipe_for

    suffix = Path(ref).suffix.lower()
    other_file = Path(ref).is_file() and suffix not in (".yaml", ".yml")
    if suffix in SUFFIXES or other_file or is_hub(ref):
        return recipe_for(ref, changes)
    return load_recipe(ref, current_home(), changes)[1]


def _tokenizer(model: str) -> Any:
    from workbench.plan.model_map import load_map

    path = Path(model).expanduser()
    folder = path if path.is_dir() else load_map(model).path
    # transformers imports torch wherever it is installed: three seconds that a tokenizer has no use for.
    sys.modules.setdefault("torch", None)  # type: ignore[arg-type]
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # or it says that torch is missing
    from workbench.train.tokenizer import load_tokenizer

    return load_tokenizer(str(folder))


def _text(found: "DataCheck") -> str:
    lines = [f"{source.key}: {source.said}" for source in found.sources]
    if found.sources:
        lines.append(f"{found.training:,} examples to train on, {found.evaluation:,} to evaluate on")
    measured = [source for source in found.sources if source.whole]
    if measured:
        lines += ["", _length_table(measured), "", *(_shares(source, found.max_length) for source in measured)]
    for choices in found.choices:
        lines += ["", _choices_text(choices, found.max_length)]
    for sample in found.samples:
        lines += ["", f"{sample.where}:", sample.text]
    lines += [*([""] if found.warnings else []), *(f"warning: {warning}" for warning in found.warnings)]
    if found.errors:
        count = "1 problem" if len(found.errors) == 1 else f"{len(found.errors):,} problems"
        lines += [*([""] if lines else []), *(f"error: {problem}" for problem in found.errors), count]
    return "\n".join(lines)


def _choices_text(choices: "ChoicesCheck", max_length: int) -> str:
    few, most = choices.fewest_choices, choices.most_choices
    each = f"{most} choices each" if few == most else f"{few} to {most} choices each"
    return (
        f"{choices.key}: {choices.said}; {each}, at most {choices.tokens:,} tokens in one; {choices.truncated:,} "
        f"prompts lose their left at max_length {max_length}\n\n{choices.sample}"
    )


def _length_table(sources: list["SourceCheck"]) -> str:
    from workbench.report.table import Column, Table

    headings = ("tokens", "min", "50 %", "90 %", "99 %", "max")
    rows = tuple(
        (f"{source.key} {name}", *(f"{v:,}" for v in (n.min, n.p50, n.p90, n.p99, n.max)))
        for source in sources
        for name, n in (("prompt", source.prompt), ("whole", source.whole))
        if n
    )
    return Table((Column(headings[0], "left"), *map(Column, headings[1:])), rows).text()


def _shares(source: "SourceCheck", max_length: int) -> str:
    from workbench.report.numbers import percent

    lost = f", {source.without_target:,} keep no target and are left out" if source.without_target else ""
    share, learned = percent(source.truncated / source.examples), percent(source.targets / source.tokens)
    return (
        f"{source.key}: {source.truncated:,} of {source.examples:,} examples ({share}) are cut at max_length "
        f"{max_length}{lost}; {learned} of the tokens are targets"
    )
