"""Which format the rows of a source have, through the columns and the prompt template of a recipe."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.data.example import Example
from workbench.data.formats import FORMAT_NAMES, FORMATS, DataFormat
from workbench.data.rows import Fault, Row, Rows
from workbench.data.template import PromptTemplate, read_template
from workbench.errors import InvalidError
from workbench.nearest import nearest

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Layout:
    """How rows are read: a format, the source's name of each of its keys, and what builds the prompt."""

    format: DataFormat
    columns: Mapping[str, str]
    template: PromptTemplate | None
    recognised: bool

    @property
    def needed(self) -> tuple[str, ...]:
        """The keys of the format that every row must have."""
        return (self.format.target,) if self.template else (*self.format.prompt, self.format.target)

    def column(self, key: str) -> str:
        return self.columns.get(key, key)

    def said(self) -> str:
        """The format in words, with what it was recognised from."""
        if not self.recognised:
            return self.format.name
        keys = (f"{self.column(k)} → {k}" if self.column(k) != k else k for k in self.needed)
        return f"{self.format.name} (recognised from {', '.join(keys)})"

    def fits(self, row: Row) -> bool:
        return all(self.column(key) in row.values for key in self.needed)

    def fault(self, row: Row) -> str:
        """Why a row cannot be used; empty when it can."""
        for key in self._looked_up(row):
            column = self.column(key)
            if column not in row.values:
                return f"the key '{column}' is missing"
            if fault := self.format.fault(column, row.values[column]):
                return fault
        missing = (name for name in self.template.names if name not in self._cells(row)) if self.template else ()
        return next((f"the key '{name}' is missing" for name in missing), "")

    def example(self, row: Row) -> Example:
        """The example of a row without a fault."""
        example = self.format.read(lambda key: row.values.get(self.column(key), ""), row.line)
        if self.template is None:
            return example
        return Example(self.template.render(self._cells(row)), example.completion, row.line)

    def _looked_up(self, row: Row) -> Iterator[str]:
        yield from self.needed
        if not self.template:
            yield from (k for k in self.format.optional if row.values.get(self.column(k)) is not None)

    def _cells(self, row: Row) -> dict[str, Any]:
        mapped = {key: row.values[column] for key, column in self.columns.items() if column in row.values}
        return {**mapped, **row.values}


def find_layout(rows: Rows, name: str, columns: Mapping[str, str], prompt_template: str | None) -> Layout:
    """The format that the recipe names, or that the first row with a known set of keys has.

    Raises InvalidError when none fits, or when a column or placeholder is one that no row has.
    """
    template = read_template(prompt_template) if prompt_template is not None else None
    candidates = [Layout(f, columns, template, name == AUTO) for f in _candidates(name, columns, template)]
    fitting = (layout for row in rows.rows for layout in candidates if layout.fits(row))
    layout = next(fitting, None)
    if layout is None and (name == AUTO and not columns):
        raise _unrecognised(rows, candidates)
    layout = layout or candidates[0]
    _check_columns(rows, layout)
    return layout


def split_faults(rows: Rows, layout: Layout) -> tuple[tuple[Example, ...], tuple[Fault, ...]]:
    """The examples of good rows, and the faults of all others, unreadable ones among them."""
    examples: list[Example] = []
    faults = list(rows.faults)
    for row in rows.rows:
        if fault := layout.fault(row):
            faults.append(Fault(row.line, fault, f"the format is {layout.format.name}"))
        else:
            examples.append(layout.example(row))
    return tuple(examples), tuple(faults)


def _candidates(name: str, columns: Mapping[str, str], template: PromptTemplate | None) -> list[DataFormat]:
    if name not in (AUTO, *FORMAT_NAMES):
        raise InvalidError(f"unknown data format '{name}'", nearest(name, (AUTO, *FORMAT_NAMES)))
    named = [known for known in FORMATS if name in (AUTO, known.name)]
    if template and not (named := [known for known in named if known.takes_template]):
        raise InvalidError(f"prompt_template does not fit the format {name}", "it builds a prompt: leave it out")
    known = list(dict.fromkeys(key for format_ in named for key in format_.keys))
    for key in columns:
        if key not in known:
            raise InvalidError(f"columns: unknown key '{key}'", nearest(key, known))
    found = [format_ for format_ in named if all(key in format_.keys for key in columns)]
    if not found:
        raise InvalidError(f"columns: no format has {' and '.join(columns)}", _known(named))
    return found


def _check_columns(rows: Rows, layout: Layout) -> None:
    """A column that no row has is one mistake, not one in every row."""
    for key in (*layout.needed, *layout.columns):
        column = layout.column(key)
        if column not in rows.names:
            hint = nearest(column, rows.names) + f"; `columns: {{{key}: NAME}}` names another"
            raise InvalidError(f"{rows.name}: no column '{column}' (format {layout.format.name})", hint)
    if layout.template:
        layout.template.check((*rows.names, *layout.columns))


def _unrecognised(rows: Rows, candidates: list[Layout]) -> InvalidError:
    row = rows.rows[0]
    keys = ", ".join(map(str, row.values)) or "(none)"
    return InvalidError(
        f"{rows.where(row.line)}: format not recognised from the keys {keys}",
        f"known: {_known([layout.format for layout in candidates])}; `columns` says what they are called here",
    )


def _known(formats: list[DataFormat]) -> str:
    return "; ".join(f"{known.name}: {', '.join((*known.prompt, known.target))}" for known in formats)
