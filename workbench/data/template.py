"""Templates of a recipe: a text written with the columns of a row, such as `Q: {question}\\nA: `."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

from workbench.errors import InvalidError
from workbench.nearest import nearest


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """Pieces of text, each followed by the column whose value comes next (None after the last text).

    `key` is the recipe key that it stands under.
    """

    pieces: tuple[tuple[str, str | None], ...]
    key: str = "prompt_template"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for _, name in self.pieces if name is not None))

    def render(self, values: Mapping[str, Any]) -> str:
        """The prompt of a row; an empty cell (None) leaves nothing."""
        return "".join(text + ("" if name is None else _cell(values[name])) for text, name in self.pieces)

    def check(self, columns: Iterable[str]) -> None:
        """Raises InvalidError, with the nearest column, for a placeholder that no row has."""
        known = list(columns)
        for name in self.names:
            if name not in known:
                raise InvalidError(f"{self.key}: no column '{name}'", nearest(name, known))


def read_template(text: str, key: str = "prompt_template") -> PromptTemplate:
    """Reads a template. Raises InvalidError where a brace does not close, or what it holds is not a column."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise InvalidError(f"{key}: {error}", "write {{ and }} for braces that are meant as such") from error
    for _, name, spec, conversion in parts:
        if name is not None and (not name or spec or conversion):
            hint = "placeholders are names of columns, such as {question}; write {{ and }} for braces"
            extra = (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            raise InvalidError(f"{key}: '{{{name}{extra}}}' is not a placeholder", hint)
    template = PromptTemplate(tuple((literal, name) for literal, name, _, _ in parts), key)
    if not template.names:
        raise InvalidError(f"{key}: it has no placeholder", "without one, it would be the same in every row")
    return template


def _cell(value: Any) -> str:
    return "" if value is None else str(value)
