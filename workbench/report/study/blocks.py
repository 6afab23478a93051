"""What a report is made of; pages are written from it as HTML and as Markdown."""

from dataclasses import dataclass, field

from workbench.report.figures.figure import Figure
from workbench.report.table import Table


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Points:
    """A list of short lines; each may start with a label that is set off."""

    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A table, what its columns mean, and the query that `workbench sql` gives its numbers for."""

    table: Table
    note: str = ""
    sql: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure, and what is to be seen in it."""

    figure: Figure
    note: str = ""


@dataclass(frozen=True, slots=True)
class Code:
    """Commands or a file, as they are."""

    text: str
    language: str = ""


Block = Text | Points | Numbers | Picture | Code


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands below it."""

    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report. `subtitle` says of what and when."""

    title: str
    subtitle: str
    sections: tuple[Section, ...] = field(default=())
