"""Multiple-choice questions in MMLU's shape: what a row becomes, or why it cannot."""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.data.formats import text_fault

LETTERS = string.ascii_uppercase
SHAPE = "question, choices (a list of texts, or the columns A, B, C ...), answer, and if you like subject"


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `answer` is the place of the right choice, from 0; `subject` is empty where there is none.

    `where` names its file and line, for messages.
    """

    question: str
    choices: tuple[str, ...]
    answer: int
    subject: str = ""
    where: str = ""


def question_fault(values: Mapping[str, Any]) -> tuple[str, str] | None:
    """What is wrong with a row, and what to do about it; None for nothing."""
    for key in ("question", "answer"):
        if key not in values:
            return f"the key '{key}' is missing", SHAPE
    if fault := _text_fault("question", values["question"]) or _subject_fault(values.get("subject")):
        return fault, SHAPE
    if fault := _choices_fault(values):
        return fault, SHAPE
    count = len(_choices(values))
    if _answer(values["answer"], count) is None:
        hint = f"the place of a choice, 0 to {count - 1}, or its letter, A to {LETTERS[count - 1]}"
        return f"answer {values['answer']!r} is none of the {count} choices", hint
    return None


def read_question(values: Mapping[str, Any], where: str, subject: str) -> Question:
    """The question of a row without a fault; `subject` stands in where the row names none."""
    choices = _choices(values)
    answer = _answer(values["answer"], len(choices))
    return Question(values["question"], choices, answer or 0, values.get("subject") or subject, where)


def _text_fault(key: str, value: Any) -> str:
    if fault := text_fault(key, value):
        return fault
    return "" if value.strip() else f"'{key}' is empty"


def _subject_fault(value: Any) -> str:
    return "" if value is None else text_fault("subject", value)


def _choices_fault(values: Mapping[str, Any]) -> str:
    if "choices" in values and not isinstance(values["choices"], list):
        return f"'choices' is {type(values['choices']).__name__}, a list of texts is expected"
    choices = _choices(values)
    if len(choices) < 2:
        return f"{len(choices)} choices, at least two are expected" if choices else "the choices are missing"
    if len(choices) > len(LETTERS):
        return f"{len(choices)} choices, and letters end at Z"
    faults = (_text_fault(f"choice {letter}", text) for letter, text in zip(LETTERS, choices, strict=False))
    return next(filter(None, faults), "")


def _choices(values: Mapping[str, Any]) -> tuple[Any, ...]:
    if "choices" in values:
        return tuple(values["choices"])
    last = next((at for at, letter in enumerate(LETTERS) if letter not in values), len(LETTERS))
    return tuple(values[letter] for letter in LETTERS[:last])


def _answer(value: Any, count: int) -> int | None:
    """The place of the right choice, from a place or a letter."""
    if isinstance(value, str):
        text = value.strip()
        lettered = len(text) == 1 and text.upper() in LETTERS
        value = LETTERS.index(text.upper()) if lettered else int(text) if text.isdecimal() else None
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < count
    return value if fits else None
