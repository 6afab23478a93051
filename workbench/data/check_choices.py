"""What multiple-choice questions will be to a model: counts, what is cut, a sample, every row that is wrong."""

from collections import Counter
from dataclasses import dataclass

from workbench.data.ask import Asked, try_asking
from workbench.data.choices import ChoiceSource
from workbench.data.tokens import Tokenizer
from workbench.errors import InvalidError, Problem
from workbench.run.recipe import Recipe


@dataclass(frozen=True, slots=True)
class ChoicesCheck:
    """One file or hub data set of questions. `subjects` has how many questions each has.

    `truncated` counts prompts that lose tokens at their left, `tokens` those of the longest choice. `sample` is the
    first question as the model sees it, its right choice between the marks.
    """

    key: str
    name: str
    said: str
    questions: int
    malformed: int
    subjects: dict[str, int]
    fewest_choices: int = 0
    most_choices: int = 0
    truncated: int = 0
    tokens: int = 0
    sample: str = ""


def check_choices(
    key: str, source: ChoiceSource, recipe: Recipe, tokenizer: Tokenizer, marks: tuple[str, str]
) -> tuple[ChoicesCheck, list[Problem]]:
    """The check of one source, and every row that cannot be asked."""
    errors = list(source.rows.problems(source.faults))
    try:
        asked, unfit = try_asking(source.questions, tokenizer, recipe)
    except InvalidError as error:
        asked, unfit = (), (Problem(source.rows.name, error.title, error.hint),)
    errors += unfit
    counts = [len(one.choices) for one in asked]
    seen = ChoicesCheck(
        key=key,
        name=source.rows.name,
        said=source.said(),
        questions=len(source.questions),
        malformed=len(errors),
        subjects=dict(sorted(Counter(question.subject for question in source.questions).items())),
        fewest_choices=min(counts, default=0),
        most_choices=max(counts, default=0),
        truncated=sum(one.truncated for one in asked),
        tokens=max((choice.targets for one in asked for choice in one.choices), default=0),
        sample=_sample(asked[0], tokenizer, marks) if asked else "",
    )
    return seen, errors


def _sample(asked: Asked, tokenizer: Tokenizer, marks: tuple[str, str]) -> str:
    right = asked.choices[asked.question.answer]
    pieces = [(tokenizer.decode(list(right.ids[start:end])), target) for start, end, target in right.runs()]
    return "".join(f"{marks[0]}{text}{marks[1]}" if target else text for text, target in pieces)
