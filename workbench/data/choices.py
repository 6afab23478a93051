"""The questions of a recipe's `choices`: read from files or the hub, every malformed row named, repeated ones told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.data.question import LETTERS, SHAPE, Question, question_fault, read_question
from workbench.data.rows import MOST_PROBLEMS, Fault, Rows, malformed
from workbench.data.source import is_hub, read_rows
from workbench.errors import InvalidError
from workbench.nearest import nearest
from workbench.run.recipe import Recipe

_MOST_TOLD = 5
_PARTS = ("_test", "_val", "_dev")  # of MMLU's own files, one a subject


@dataclass(frozen=True, slots=True)
class ChoiceSource:
    """One file or hub data set of questions, read, and the faults of all rows that are none."""

    rows: Rows
    questions: tuple[Question, ...]
    faults: tuple[Fault, ...]

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects that are named, in the order of the alphabet."""
        return tuple(sorted({question.subject for question in self.questions} - {""}))

    def said(self) -> str:
        """One line: how many questions, of how many subjects."""
        count = "1 question" if len(self.questions) == 1 else f"{len(self.questions):,} questions"
        subjects = {0: "", 1: ", 1 subject"}.get(len(self.subjects), f", {len(self.subjects)} subjects")
        return f"{self.rows.name}: {count}{subjects}"

    def check(self) -> None:
        """Raises InvalidError when a row is malformed."""
        self.rows.check(self.faults)

    def record(self) -> dict[str, Any]:
        """What `run.json` keeps of it."""
        return self.rows.record("choices", len(self.questions))


def read_choices(recipe: Recipe, most: int = MOST_PROBLEMS) -> dict[str, ChoiceSource]:
    """The sources of `choices` by what run.json calls them: `choices`, `choices 2` and so on.

    Without a column `subject`, each of several sources is a subject of its name, as MMLU's own files are. Raises
    InvalidError where a source has no question at all (it names the first `most` rows), NotFoundError where there is
    none of that name.
    """
    several = len(recipe.choices) > 1
    found = [_read(name, recipe, several, most) for name in recipe.choices]
    return {"choices" + (f" {at}" if at > 1 else ""): source for at, source in enumerate(found, start=1)}


def _read(name: str, recipe: Recipe, several: bool, most: int) -> ChoiceSource:
    here, named = is_hub(name), is_hub(recipe.data)
    rows = read_rows(name, recipe.revision if here and named and here.name == named.name else None)
    if not rows.rows:
        raise malformed(rows.name, rows.problems(rows.faults), most)
    _check_columns(rows)
    subject = _subject_of(name) if several else ""
    faulty = {row.line: fault for row in rows.rows if (fault := question_fault(row.values))}
    good = (row for row in rows.rows if row.line not in faulty)
    questions = tuple(read_question(row.values, rows.where(row.line), subject) for row in good)
    return ChoiceSource(rows, questions, (*rows.faults, *(Fault(line, *fault) for line, fault in faulty.items())))


def _check_columns(rows: Rows) -> None:
    """A column that no row has is one mistake, not one in every row."""
    for key in ("question", "answer"):
        if key not in rows.names:
            hint = f"{nearest(key, rows.names)}; a row has {SHAPE} (MMLU's own .csv files need a first line with these)"
            raise InvalidError(f"{rows.name}: no column '{key}'", hint)
    if "choices" not in rows.names and LETTERS[0] not in rows.names:
        raise InvalidError(f"{rows.name}: no column 'choices', and none 'A'", f"a row has {SHAPE}")


def _subject_of(name: str) -> str:
    stem = Path(name).stem
    return next((stem.removesuffix(part) for part in _PARTS if stem.endswith(part)), stem)


def oddities(questions: Sequence[Question]) -> tuple[str, ...]:
    """Sentences on questions that occur twice, and on those with two equal choices: the first few, and how many."""
    return (*_told(list(_repeated(questions))), *_told(list(_equal_choices(questions))))


def _repeated(questions: Sequence[Question]) -> Iterator[str]:
    first: dict[tuple[str, frozenset[str]], Question] = {}
    for question in questions:
        before = first.setdefault((question.question, frozenset(question.choices)), question)
        if before is not question:
            other = before.choices[before.answer] != question.choices[question.answer]
            yield f"{question.where}: the same question as {before.where}" + (", with another answer" if other else "")


def _equal_choices(questions: Sequence[Question]) -> Iterator[str]:
    for question in questions:
        if len(set(question.choices)) < len(question.choices):
            twice = next(text for text in question.choices if question.choices.count(text) > 1)
            yield f"{question.where}: two choices are the same ({twice!r}): the first of them is chosen"


def _told(sentences: list[str]) -> list[str]:
    left = len(sentences) - _MOST_TOLD
    return sentences[:_MOST_TOLD] + ([f"{left} more like that"] if left > 0 else [])
