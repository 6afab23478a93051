"""Rows as a source gave them, before anyone knows what they mean."""

from dataclasses import dataclass
from typing import Any

from workbench.errors import InvalidError, Problem

MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Row:
    """One row by the names of the source; `line` counts from 1."""

    line: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a row cannot be used."""

    line: int
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows of one source. `sha256` covers the contents; `revision` is the commit of a hub data set.

    `counts` says what the numbers count: `line` of a text file or `row` of a table.
    """

    name: str
    kind: str
    rows: tuple[Row, ...]
    faults: tuple[Fault, ...]
    sha256: str
    counts: str = "line"
    revision: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that any row has, in the order of their first appearance."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row.values))

    def where(self, line: int) -> str:
        return f"{self.name}:{line}" if self.counts == "line" else f"{self.name} row {line}"

    def record(self, format_name: str, examples: int) -> dict[str, Any]:
        """What `run.json` keeps of the source, read as this format."""
        place = {"hub": self.name, "revision": self.revision} if self.revision else {}
        return {**(place or {"path": self.name}), "format": format_name, "sha256": self.sha256, "examples": examples}

    def check(self, faults: tuple[Fault, ...]) -> None:
        """Raises InvalidError when there is any fault."""
        if faults:
            raise malformed(self.name, self.problems(faults))

    def problems(self, faults: tuple[Fault, ...]) -> tuple[Problem, ...]:
        """The faults with their places, in the order of the source."""
        ordered = sorted(faults, key=lambda fault: fault.line)
        return tuple(Problem(self.where(fault.line), fault.message, fault.hint) for fault in ordered)


def malformed(name: str, problems: tuple[Problem, ...], most: int = MOST_PROBLEMS) -> InvalidError:
    """The error over malformed rows; it lists the first `most` of them."""
    rest = f" (the first {most} are listed)" if len(problems) > most else ""
    rows = "1 malformed row" if len(problems) == 1 else f"{len(problems)} malformed rows"
    hint = "mend or remove them" + ("; `workbench data check` lists them all" if rest else "")
    return InvalidError(f"{name}: {rows}{rest}", hint, problems[:most])
