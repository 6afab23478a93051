"""The values for a lens's parameters as one line of text: `study=cut metric=loss`, or `plans` for all finished runs."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from tui.compare.completion import PARAMETERS
from workbench.nearest import nearest

PLANS = "plans"
Values = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class ReadValues:
    """The values of a line, or what is wrong with it."""

    values: Values
    error: str = ""


def read_values(text: str) -> ReadValues:
    """Values with blanks stand in quotes; what is not named is looked for in the results."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        return ReadValues({}, f"a quote is open ({error})")
    values: Values = {}
    for word in words:
        key, equals, value = word.partition("=")
        if word == PLANS:
            values["study"] = None
        elif key not in PARAMETERS:
            return ReadValues({}, f"'{key}' is no parameter; {nearest(key, (*PARAMETERS, PLANS))}")
        elif not equals or not value:
            return ReadValues({}, f"{key} has no value: write {key}=VALUE")
        else:
            values[key] = value
    return ReadValues(values)


def values_text(values: Mapping[str, str | None]) -> str:
    """The line that reads as these values."""
    return " ".join(_word(key, value) for key, value in values.items() if value is not None or key == "study")


def _word(key: str, value: str | None) -> str:
    return PLANS if value is None else f"{key}={shlex.quote(value)}"


def options(values: Mapping[str, str | None]) -> list[str]:
    """The same for `workbench lens run`."""
    given = [(key, value) for key, value in values.items() if value is not None or key == "study"]
    return [word for key, value in given for word in (["--plans"] if value is None else [f"--{key}", value])]
