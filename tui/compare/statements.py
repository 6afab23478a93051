"""Where the statements of a text begin and end: semicolons in strings and comments end none."""

import re
from dataclasses import dataclass

# What may hold a semicolon that means nothing; an end that is missing is at the end of the text.
_PART = re.compile(
    r"""--[^\n]*|/\*.*?(?:\*/|\Z)|'(?:[^']|'')*(?:'|\Z)|"(?:[^"]|"")*(?:"|\Z)|\$(\w*)\$.*?(?:\$\1\$|\Z)|;""", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Statement:
    """Characters `start` up to `end` of a text; `line` is that of its start, from 0."""

    text: str
    start: int
    end: int
    line: int

    @property
    def padded(self) -> str:
        """With empty lines in front, so that whoever counts its lines counts those of the whole text."""
        return "\n" * self.line + self.text


def statements(text: str) -> list[Statement]:
    """Those that have anything in them, their semicolon left out."""
    ends = [found.start() for found in _PART.finditer(text) if found[0] == ";"]
    found, start = [], 0
    for end in [*ends, len(text)]:
        if text[start:end].strip():
            found.append(Statement(text[start:end], start, end, text.count("\n", 0, start)))
        start = end + 1
    return found


def statement_at(text: str, place: int) -> Statement | None:
    """The statement that holds this character, or the one before it; None in a text without any."""
    found = statements(text)
    before = [one for one in found if one.start <= place]
    return before[-1] if before else found[0] if found else None


def in_words(text: str) -> bool:
    """Whether the end of this text stands in a string or a comment: names are not completed there."""
    last = None
    for last in _PART.finditer(text):  # noqa: B007 (the last one is looked at)
        pass
    if last is None or last.end() < len(text) or last[0] == ";":
        return False
    part = last[0]
    closed = (part[0] in "'\"" and len(part) > 1 and part.endswith(part[0])) or part.endswith("*/")
    return not closed
