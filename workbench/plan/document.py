"""A YAML file that a person wrote, with the line and column of everything in it."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from workbench.errors import InvalidError, Problem
from workbench.plan.findings import Finding, Path, label
from workbench.plan.yaml_nodes import Node
from workbench.plan.yaml_parts import parse_yaml

_STARTS_NO_TEXT = re.compile(r"^(?P<dash>\s*(?:-\s+|[\w.-]+:\s+))(?P<rule>[*%@&!`][^#]*)")


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a value stands: line and column from 1; `text_at` is where the text inside its quotes starts."""

    line: int
    column: int
    text_at: int


@dataclass(frozen=True, slots=True)
class Document:
    """A file's plain values; `marks` are empty for values that never were a file."""

    file: str
    data: dict[str, Any]
    marks: Mapping[Path, Mark] = field(default_factory=dict)

    def problem(self, finding: Finding) -> Problem:
        """The finding with its place in the file: `plan.yaml:7:5 rules[1]`."""
        mark = self._nearest_mark(finding.path)
        if mark is None:
            return Problem(f"{self.file} {label(finding.path)}".strip(), finding.message, finding.hint)
        column = mark.text_at + finding.column - 1 if finding.column else mark.column
        where = f"{self.file}:{mark.line}:{column} {label(finding.path)}".strip()
        return Problem(where, finding.message, finding.hint)

    def problems(self, findings: Iterable[Finding]) -> tuple[Problem, ...]:
        """All findings with their places, in the order of the file."""
        return tuple(self.problem(finding) for finding in sorted(findings, key=self._order))

    def _order(self, finding: Finding) -> tuple[int, int]:
        mark = self._nearest_mark(finding.path)
        return (mark.line, mark.column) if mark else (0, 0)

    def _nearest_mark(self, path: Path) -> Mark | None:
        for length in range(len(path), -1, -1):
            if mark := self.marks.get(path[:length]):
                return mark
        return None


_PLAN_EXAMPLE = "a plan starts with lines such as `model: demo`"


def read_document(file: str, text: str, example: str = _PLAN_EXAMPLE) -> Document:
    """Reads YAML 1.2 that must hold a mapping; `example` is the hint where it holds none.

    Raises InvalidError with line, column and a hint.
    """
    return Document(file, deepcopy(read_values(file, text, example)), _all_marks(text))


def read_values(file: str, text: str, example: str = _PLAN_EXAMPLE) -> dict[str, Any]:
    """The values alone, for whoever does not change them. Raises as `read_document`."""
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        data = parse_yaml(text).data
    except MarkedYAMLError as error:
        raise _invalid(_syntax_problem(file, text, error)) from error
    except YAMLError as error:
        raise _invalid(Problem(file, f"not YAML: {error}", "write it as UTF-8 text")) from error
    if not isinstance(data, dict):
        what = "empty" if data is None else "not a mapping of keys to values"
        raise _invalid(Problem(f"{file}:1:1", what, example))
    return data


@lru_cache(maxsize=8)  # an edit of a plan reads the text before and after it several times each
def _all_marks(text: str) -> Mapping[Path, Mark]:
    root = parse_yaml(text).root
    return MappingProxyType(dict(_marks((), root)) if root else {})


def _invalid(problem: Problem) -> InvalidError:
    return InvalidError(f"{problem.where}: {problem.message}", problem.hint, (problem,))


def _syntax_problem(file: str, text: str, error: Any) -> Problem:
    mark = error.problem_mark or error.context_mark
    line = text.splitlines()[mark.line] if mark.line < len(text.splitlines()) else ""
    where = f"{file}:{mark.line + 1}:{mark.column + 1}"
    if "duplicate key" in str(error.problem):
        key = line[mark.column :].partition(":")[0].strip()
        return Problem(f"{where} {key}", f"the key '{key}' stands here a second time", "keep one of them")
    if set(line[max(mark.column - 1, 0) : mark.column + 1]) & set("*%@&!`"):
        return Problem(where, "YAML gives this first character a meaning of its own", _quote_hint(line))
    return Problem(where, f"not YAML: {error.problem}", "check quotes, brackets and indentation around this place")


def _quote_hint(line: str) -> str:
    if match := _STARTS_NO_TEXT.match(line):
        return f"quote the rule: {match['dash'].strip()} {json.dumps(match['rule'].strip(), ensure_ascii=False)}"
    return 'quote the rule: ["* all"]'


def _marks(path: Path, node: Node) -> Iterator[tuple[Path, Mark]]:
    """The place of every key and list item below a node."""
    if not path:
        yield (), Mark(1, 1, 1)
    for key, value in node.pairs:
        inner: Path = (*path, key.text)
        yield inner, _mark(key, value)
        yield from _marks(inner, value)
    for index, value in enumerate(node.items):
        yield (*path, index), _mark(value, value)
        yield from _marks((*path, index), value)


def _mark(node: Node, value: Node) -> Mark:
    quote = 1 if value.style in ("'", '"') else 0
    return Mark(node.start.line + 1, node.start.column + 1, value.start.column + 1 + quote)
