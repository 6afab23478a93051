"""A recipe in little: what it says against the defaults, and the runs that were made by it."""

from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from tui.library.plan_preview import best_parts, run_line
from tui.library.preview import Part, Preview
from tui.library.run_rows import Runs
from workbench.run.layout import Home
from workbench.run.recipe_file import RecipeFile, recipe_source

_SHOWN = 6


def recipe_preview(home: Home, path: Path, runs: Runs) -> Preview:
    """Raises InvalidError with every problem of the file, OSError."""
    source = recipe_source(path)
    source.recipe()
    said, defaults = source.document.data, recipe_defaults()
    rows = runs.of_recipe(path.stem)
    more = [f"and {len(rows) - _SHOWN} more"] if len(rows) > _SHOWN else []
    left = ", ".join(f"{key} {shown(value)}" for key, value in defaults.items() if key not in said)
    return Preview(
        (
            Part("says", tuple(_against(key, value, defaults) for key, value in said.items())),
            Part("as by default", (left,)),
            Part(f"runs ({len(rows)})", (*map(run_line, rows[:_SHOWN]), *more)),
            *best_parts(home, rows),
            Part("file", (str(path),)),
        )
    )


def recipe_defaults() -> dict[str, Any]:
    """The keys that a recipe may leave out, with what then holds."""
    fields = RecipeFile.model_fields
    return {key: field.default for key, field in fields.items() if field.default is not PydanticUndefined}


def _against(key: str, value: Any, defaults: dict[str, Any]) -> str:
    if key not in defaults:
        return f"{key}: {shown(value)}"
    if value == defaults[key]:
        return f"{key}: {shown(value)}  (the default)"
    return f"{key}: {shown(value)}  (default {shown(defaults[key])})"


def shown(value: Any) -> str:
    """A value as a recipe file has it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(shown, value)) or "none" if isinstance(value, list) else str(value)
