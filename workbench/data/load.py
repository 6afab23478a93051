"""The data of a recipe: read, recognised, split, and hashed for the identity of runs."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.data.choices import ChoiceSource, oddities, read_choices
from workbench.data.example import Example
from workbench.data.layout import Layout, find_layout, split_faults
from workbench.data.question import Question
from workbench.data.rows import MOST_PROBLEMS, Fault, Rows, malformed
from workbench.data.source import is_hub, read_rows
from workbench.errors import InvalidError
from workbench.randomness import derive_seed
from workbench.run.recipe import Recipe, Split


@dataclass(frozen=True, slots=True)
class Source:
    """One file or hub data set, read: its good examples and the faults of all other rows."""

    rows: Rows
    layout: Layout
    examples: tuple[Example, ...]
    faults: tuple[Fault, ...]

    def said(self) -> str:
        """One line: what it is, its format, and how many examples it has."""
        count = "1 example" if len(self.examples) == 1 else f"{len(self.examples):,} examples"
        return f"{self.rows.name}: {self.layout.said()}, {count}"

    def check(self) -> None:
        """Raises InvalidError when a row is malformed."""
        self.rows.check(self.faults)

    def record(self) -> dict[str, Any]:
        """What `run.json` keeps of it."""
        return self.rows.record(self.layout.format.name, len(self.examples))


@dataclass(frozen=True, slots=True)
class DataSet:
    """Training and evaluation examples and questions, with the hash that stands for all in a run's identity.

    `format` is `auto` when the two parts have different ones; `said` is a line about each source; `warnings` are
    sentences about what can be used, and may not be meant.
    """

    training: tuple[Example, ...]
    evaluation: tuple[Example, ...]
    format: str
    hash: str
    sources: dict[str, Any]
    said: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def revision(self) -> str | None:
        """The commit that was read, where `data` is a hub data set."""
        commit: str | None = self.sources.get("data", {}).get("revision")
        return commit


def read_source(data: str, recipe: Recipe, most: int = MOST_PROBLEMS) -> Source:
    """Reads a file or hub data set the way that the recipe says, without raising for single malformed rows.

    Raises InvalidError when no row can be read; it names the first `most` of them.
    """
    rows = read_rows(data, _revision(data, recipe))
    if not rows.rows:
        raise malformed(rows.name, rows.problems(rows.faults), most)
    layout = find_layout(rows, recipe.format, dict(recipe.columns), recipe.prompt_template)
    return Source(rows, layout, *split_faults(rows, layout))


def read_sources(recipe: Recipe, most: int = MOST_PROBLEMS) -> dict[str, Source]:
    """The sources of a recipe by their keys, `data` first."""
    if recipe.revision is not None and not is_hub(recipe.data):
        hint = "leave it out: it is for data sets of the hub"
        raise InvalidError(f"revision '{recipe.revision}' is given, and {recipe.data} is a file", hint)
    sources = {"data": read_source(recipe.data, recipe, most)}
    if recipe.eval_data is not None:
        sources["eval_data"] = read_source(recipe.eval_data, recipe, most)
    return sources


def _revision(data: str, recipe: Recipe) -> str | None:
    """The recipe's revision where `data` is its hub data set, or another part of the same."""
    here, named = is_hub(data), is_hub(recipe.data)
    return recipe.revision if here and named and here.name == named.name else None


def load_data(recipe: Recipe) -> DataSet:
    """Reads and splits the data of a recipe.

    Raises InvalidError when a row is malformed or a part is empty, NotFoundError when a source does not exist.
    """
    sources, choices = read_sources(recipe), read_choices(recipe)
    every: dict[str, Source | ChoiceSource] = {**sources, **choices}
    for source in every.values():
        source.check()
    training, evaluation = parts(sources, recipe.split)
    if not training or not evaluation:
        raise InvalidError(
            f"{recipe.data}: {len(training)} training and {len(evaluation)} evaluation examples after the split",
            "both parts need at least one: change split.fraction, or name eval_data",
        )
    formats = {source.layout.format.name for source in sources.values()}
    content = "".join(source.rows.sha256 for source in every.values())
    questions = tuple(question for found in choices.values() for question in found.questions)
    return DataSet(
        training,
        evaluation,
        formats.pop() if len(formats) == 1 else "auto",
        hashlib.sha256(content.encode()).hexdigest(),
        {key: source.record() for key, source in every.items()},
        tuple(f"{key}: {source.said()}" for key, source in every.items()),
        questions,
        oddities(questions),
    )


def parts(sources: dict[str, Source], split: Split | None) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """(training, evaluation) examples: the two sources, or the split of the one."""
    if "eval_data" in sources:
        return sources["data"].examples, sources["eval_data"].examples
    return split_examples(sources["data"].examples, split or Split())


def split_examples(examples: Sequence[Example], split: Split) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """(training, evaluation) parts, each in file order; the draw depends on `split.seed` and the positions alone."""
    order = sorted(range(len(examples)), key=lambda index: derive_seed(split.seed, "split", index))
    held_out = frozenset(order[: round(len(examples) * split.fraction)])
    training = tuple(e for i, e in enumerate(examples) if i not in held_out)
    return training, tuple(e for i, e in enumerate(examples) if i in held_out)
