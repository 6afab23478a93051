"""The keys of a recipe with what holds for each, against the defaults and against another recipe."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from workbench.run.layout import Home
from workbench.run.recipe_file import RecipeFile, find_recipe, recipe_source


@dataclass(frozen=True, slots=True)
class Value:
    """What holds for a key, whether the file says so, and the default; None where there is no default."""

    now: Any
    said: bool
    default: Any
    required: bool = False


def recipe_values(ref: str | Path, home: Home) -> dict[str, Value]:
    """Those that the file says first, in its order. Raises NotFoundError, InvalidError with every problem."""
    source = recipe_source(find_recipe(str(ref), home))
    source.recipe()
    said, fields = source.document.data, RecipeFile.model_fields
    order = [*said, *(key for key in fields if key not in said)]
    return {key: _value(key, said) for key in order}


def _value(key: str, said: Mapping[str, Any]) -> Value:
    default = RecipeFile.model_fields[key].default
    required = default is PydanticUndefined
    default = None if required else default
    return Value(said.get(key, default), key in said, default, required)


def differences(old: Mapping[str, Value], new: Mapping[str, Value]) -> list[tuple[str, Any, Any]]:
    """Keys with both values, where they are not the same."""
    return [(key, value.now, new[key].now) for key, value in old.items() if value.now != new[key].now]


def against_defaults(values: Mapping[str, Value]) -> list[str]:
    """A line per key that the file says, then one with all that is as by default."""
    lines = [_against(key, value) for key, value in values.items() if value.said]
    left = ", ".join(f"{key} {shown(value.now)}" for key, value in values.items() if not value.said)
    return [*lines, "", f"as by default: {left}"]


def _against(key: str, value: Value) -> str:
    if value.required:
        return f"{key}: {shown(value.now)}"
    if value.now == value.default:
        return f"{key}: {shown(value.now)}  (the default)"
    return f"{key}: {shown(value.now)}  (default {shown(value.default)})"


def shown(value: Any) -> str:
    """A value as a recipe file has it, on one line."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(shown, value)) or "none" if isinstance(value, list) else " ".join(str(value).split())
