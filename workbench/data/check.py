"""What data will be to a model: counts, lengths in tokens, what is cut, what is learned, every row that is wrong."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from workbench.data.check_choices import ChoicesCheck, check_choices
from workbench.data.choices import ChoiceSource, oddities, read_choices
from workbench.data.load import Source, parts, read_sources
from workbench.data.tokenize import tokenize_whole
from workbench.data.tokens import TokenizedExample, Tokenizer, cut
from workbench.errors import InvalidError, Problem
from workbench.run.recipe import Recipe

OPEN, CLOSE = "⟦", "⟧"
_LONGEST_SHOWN = 400
_EVERY = 1 << 62


@dataclass(frozen=True, slots=True)
class Lengths:
    """Percentiles of lengths in tokens, each a length that some example has."""

    min: int
    p50: int
    p90: int
    p99: int
    max: int


@dataclass(frozen=True, slots=True)
class Sample:
    """An example as the model sees it; what is learned stands between ⟦ and ⟧."""

    where: str
    text: str


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """One file or hub data set.

    `prompt` and `whole` are lengths before the cut at `max_length`, `tokens` and `targets` counts after it.
    """

    key: str
    name: str
    format: str
    said: str
    examples: int
    malformed: int
    prompt: Lengths | None = None
    whole: Lengths | None = None
    truncated: int = 0
    without_target: int = 0
    tokens: int = 0
    targets: int = 0


@dataclass(frozen=True, slots=True)
class DataCheck:
    """All that was seen. `errors` has every malformed row, and whatever else keeps the data from being used.

    `warnings` are sentences about questions that can be used, and may not be meant.
    """

    max_length: int
    sources: tuple[SourceCheck, ...] = ()
    training: int = 0
    evaluation: int = 0
    samples: tuple[Sample, ...] = ()
    errors: tuple[Problem, ...] = ()
    choices: tuple[ChoicesCheck, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.errors

    def to_json(self) -> dict[str, Any]:
        values = asdict(self) | {"errors": [problem._asdict() for problem in self.errors]}
        return {"ok": self.ok, "format": self.sources[0].format if self.sources else None, **values}


def check_data(recipe: Recipe, load_tokenizer: Callable[[], Tokenizer]) -> DataCheck:
    """Reads and tokenizes the data of a recipe; the tokenizer is loaded when the data can be read.

    Raises NotFoundError where there are no data, and whatever loading the tokenizer raises.
    """
    try:
        sources, questions = read_sources(recipe, _EVERY), read_choices(recipe, _EVERY)
    except InvalidError as error:
        return DataCheck(recipe.max_length, errors=error.problems or (_problem(recipe.data, error),))
    tokenizer = load_tokenizer()
    checks: list[SourceCheck] = []
    errors: list[Problem] = []
    samples: list[Sample] = []
    for key, source in sources.items():
        seen, problems, shown = _check_source(key, source, recipe.max_length, tokenizer)
        checks.append(seen)
        errors += problems
        samples += shown if key == "data" else ()
    asked, unfit = _check_questions(questions, recipe, tokenizer)
    errors += unfit
    training, evaluation = parts(sources, recipe.split)
    if not (training and evaluation) and not errors:
        message = f"{len(training)} training and {len(evaluation)} evaluation examples after the split"
        errors.append(Problem(recipe.data, message, "change split.fraction, or name eval_data"))
    return DataCheck(
        recipe.max_length,
        tuple(checks),
        len(training),
        len(evaluation),
        tuple(samples),
        tuple(errors),
        asked,
        oddities([question for source in questions.values() for question in source.questions]),
    )


def _check_questions(
    questions: Mapping[str, ChoiceSource], recipe: Recipe, tokenizer: Tokenizer
) -> tuple[tuple[ChoicesCheck, ...], list[Problem]]:
    found = [check_choices(key, source, recipe, tokenizer, (OPEN, CLOSE)) for key, source in questions.items()]
    return tuple(seen for seen, _ in found), [problem for _, problems in found for problem in problems]


def _check_source(
    key: str, source: Source, max_length: int, tokenizer: Tokenizer
) -> tuple[SourceCheck, list[Problem], list[Sample]]:
    rows = source.rows
    plain = SourceCheck(
        key, rows.name, source.layout.format.name, source.said(), len(source.examples), len(source.faults)
    )
    try:
        whole, unfit = tokenize_whole(source.examples, tokenizer)
    except InvalidError as error:
        return plain, [*rows.problems(source.faults), _problem(rows.name, error)], []
    errors = list(rows.problems((*source.faults, *unfit)))
    if not whole:
        return plain, errors, []
    try:
        short = cut(whole, max_length, key)
    except InvalidError as error:
        return plain, [*errors, _problem(rows.name, error)], []
    seen = SourceCheck(
        plain.key,
        plain.name,
        plain.format,
        plain.said,
        plain.examples,
        len(errors),
        _lengths([len(example.ids) - example.targets for example in whole]),
        _lengths([len(example.ids) for example in whole]),
        short.truncated,
        short.dropped,
        sum(len(example.ids) for example in short.examples),
        sum(example.targets for example in short.examples),
    )
    chosen = dict.fromkeys((0, len(short.examples) // 2, len(short.examples) - 1))
    return seen, errors, [_sample(source, short.examples[at], tokenizer) for at in chosen]


def _problem(name: str, error: InvalidError) -> Problem:
    return Problem(name, error.title.removeprefix(f"{name}: "), error.hint)


def _lengths(lengths: Sequence[int]) -> Lengths:
    ordered = sorted(lengths)
    at = (ordered[max(0, -(-len(ordered) * percent // 100) - 1)] for percent in (0, 50, 90, 99, 100))
    return Lengths(*at)


def _sample(source: Source, tokenized: TokenizedExample, tokenizer: Tokenizer) -> Sample:
    pieces = []
    for start, end, target in tokenized.runs():
        text = _shortened(tokenizer.decode(list(tokenized.ids[start:end])))
        pieces.append(f"{OPEN}{text}{CLOSE}" if target else text)
    return Sample(source.rows.where(source.examples[tokenized.index].line), "".join(pieces))


def _shortened(text: str) -> str:
    half = _LONGEST_SHOWN // 2
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:half]} … {text[-half:]}"
