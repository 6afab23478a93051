"""What the word before the cursor may become: tables, columns, functions and keywords, the likeliest first."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tui.compare.statements import in_words

# A query can be a megabyte of pasted text: names further away than this are not looked for.
REACH = 4000
MOST = 40
_WORD = re.compile(r"(?:(\w+)\.)?(\w*)\Z")
_NAMED = re.compile(r"\b(?:from|join)\s+(\w+)(?:\s+(?:as\s+)?(\w+))?", re.IGNORECASE)
_WANTS_TABLE = re.compile(r"\b(?:from|join|describe|summarize)\s+\w*\Z", re.IGNORECASE)
_NO_ALIAS = {"where", "join", "on", "group", "order", "left", "inner", "limit", "using", "select", "union", "cross"}
_CLAUSES = (
    "select", "from", "where", "group by", "order by", "having", "join", "left join", "using", "limit", "with", "and",
    "as", "desc", "distinct", "case", "between", "in", "is not null", "is null", "not", "on", "or", "union all",
)  # fmt: skip
PARAMETERS = ("study", "metric", "baseline", "group")


@dataclass(frozen=True, slots=True)
class Names:
    """What can be named: `tables` with their columns."""

    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    functions: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """The word before the cursor, and what it may become."""

    word: str
    candidates: tuple[str, ...] = ()

    def rest(self, number: int = 0) -> str:
        """What is to be added to the word to make it that candidate; "" without one."""
        return self.candidates[number % len(self.candidates)][len(self.word) :] if self.candidates else ""


def complete(before: str, after: str, names: Names) -> Completion:
    """Candidates for the word at the end of `before`; none in strings, comments, and for a word that is complete."""
    before = before[-REACH:]
    if in_words(before):
        return Completion("")
    if parameter := re.search(r"\$(\w*)\Z", before):
        return _starting(parameter[1], PARAMETERS)
    found = _WORD.search(before)
    owner, word = (found[1], found[2]) if found else (None, "")
    if owner is None and not word:
        return Completion("")
    scope = _scope(before + " " + after[:REACH], names)
    if owner is not None:
        return _starting(word, scope.get(owner.lower(), names.tables.get(owner.lower(), ())))
    if _WANTS_TABLE.search(before):
        return _starting(word, [*names.tables, *(f"{name}(" for name in names.functions if name.endswith("_of"))])
    return _starting(word, _anything(scope, names))


def _anything(scope: dict[str, tuple[str, ...]], names: Names) -> Iterator[str]:
    for columns in scope.values():
        yield from columns
    yield from _CLAUSES
    if not scope:
        for columns in names.tables.values():
            yield from columns
    yield from names.tables
    yield from names.functions
    yield from names.keywords  # most of them are seldom written; those that are stand among the clauses


def _scope(text: str, names: Names) -> dict[str, tuple[str, ...]]:
    """Columns by the table or the alias that the text gives it."""
    found = {}
    for table, alias in _NAMED.findall(text):
        columns = names.tables.get(table.lower())
        if columns is not None:
            found[alias.lower() if alias and alias.lower() not in _NO_ALIAS else table.lower()] = columns
    return found


def _starting(word: str, candidates: Iterable[str]) -> Completion:
    low = word.lower()
    fitting = dict.fromkeys(name for name in candidates if name.lower().startswith(low))
    if any(name.lower() == low for name in fitting):
        return Completion(word)
    return Completion(word, tuple(fitting)[:MOST])
