"""The filter of the list: `group:late r>=16 status:finished -tag:x loss<1.05`; bare words search names."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from workbench.errors import WorkbenchError
from workbench.nearest import nearest

# What `:` compares as text, and what `<`, `>` and `=` compare as numbers.
WORDS = ("status", "plan", "model", "method", "base", "group", "tag", "failure", "name", "run")
NUMBERS = ("r", "seed", "step", "steps", "attempt", "params", "loss", "token_accuracy", "exact_match")
# Told from the sites of a run's record, which are read only for a filter that names one of them.
OF_SITES = frozenset({"r", "method", "base", "group", "tag"})

_PATTERN = re.compile(r"(?P<field>[a-z_]+)(?P<operator>:|<=|>=|!=|<|>|=)(?P<value>.*)", re.DOTALL)
_TOKEN = re.compile(r'(?:"[^"]*"|[^\s"])+')
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}

# A run as a filter sees it: every field has some values, texts or numbers. Of a run's many ranks any may fit.
Facts = Mapping[str, tuple[str, ...] | tuple[float, ...]]


class QueryError(WorkbenchError):
    """A filter that cannot be read; `column` (from 1) is where."""

    def __init__(self, title: str, hint: str, column: int) -> None:
        super().__init__(title, hint)
        self.column = column


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. A bare word is a term on `name`; `value` is a number where the operator is not `:`.

    Of words of a list, such as `status:failed,lost`, any may fit.
    """

    field: str
    operator: str
    value: str | float
    negated: bool = False

    def fits(self, facts: Facts) -> bool:
        return any(self._fits(found) for found in facts.get(self.field, ())) != self.negated

    def _fits(self, found: str | float) -> bool:
        if isinstance(self.value, str):
            wanted, text = self.value.casefold(), str(found).casefold()
            # Names and identifiers are searched; what comes from a list of words is compared.
            if self.field in ("name", "model"):
                return wanted in text
            return any(word in text if self.field == "run" else word == text for word in wanted.split(","))
        return not isinstance(found, str) and _COMPARE[self.operator](float(found), self.value)

    def __str__(self) -> str:
        sign = "-" if self.negated else ""
        if isinstance(self.value, float):
            return f"{sign}{self.field}{self.operator}{self.value:.17g}"
        quoted = f'"{self.value}"' if re.search(r"\s", self.value) or not self.value else self.value
        return f"{sign}{self.field}:{quoted}"


@dataclass(frozen=True, slots=True)
class Query:
    """All terms have to fit; one without terms fits every run."""

    terms: tuple[Term, ...] = ()

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(term.field for term in self.terms)

    @property
    def asks_for_sites(self) -> bool:
        return bool(self.fields & OF_SITES)

    def fits(self, facts: Facts) -> bool:
        return all(term.fits(facts) for term in self.terms)

    def __str__(self) -> str:
        return " ".join(map(str, self.terms))


ALL = Query()


def parse_query(text: str) -> Query:
    """The filter that a person wrote. Raises QueryError with the column and the nearest valid word."""
    quotes = text.count('"')
    if quotes % 2:
        raise QueryError('a " without its other', 'close the quotes: name:"two words"', text.rindex('"') + 1)
    return Query(tuple(_term(found[0], found.start() + 1) for found in _TOKEN.finditer(text)))


def _term(token: str, column: int) -> Term:
    negated = token.startswith("-") and len(token) > 1
    body = token[1:] if negated else token
    found = _PATTERN.fullmatch(body)
    if not found:
        return Term("name", ":", body.replace('"', ""), negated)
    name, operator, value = found["field"], found["operator"], found["value"].replace('"', "")
    at = column + negated
    if name not in WORDS and name not in NUMBERS:
        raise QueryError(f"no field is called '{name}'", nearest(name, [*WORDS, *NUMBERS]), at)
    if name in WORDS:
        return _on_words(name, operator, value, negated, at)
    return _on_numbers(name, "=" if operator == ":" else operator, value, negated, at + found.start("value"))


def _on_words(name: str, operator: str, value: str, negated: bool, column: int) -> Term:
    if operator not in (":", "=", "!="):
        raise QueryError(f"{name} is a word: it cannot be {operator}", f"{name}:{value or 'WORD'}", column)
    return Term(name, ":", value, negated != (operator == "!="))


def _on_numbers(name: str, operator: str, value: str, negated: bool, column: int) -> Term:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise QueryError(f"{name} is a number, not '{value}'", f"such as {name}{operator}16", column)
    return Term(name, operator, number, negated)
