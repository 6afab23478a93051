"""A recipe in little: what it says against the defaults, and the runs that were made by it."""

from pathlib import Path

from tui.library.plan_preview import best_parts, run_line
from tui.library.preview import Part, Preview
from tui.library.run_rows import Runs
from workbench.library.recipe_values import against_defaults, recipe_values
from workbench.run.layout import Home

_SHOWN = 6


def recipe_preview(home: Home, path: Path, runs: Runs) -> Preview:
    """Raises InvalidError with every problem of the file, OSError."""
    rows = runs.of_recipe(path.stem)
    more = [f"and {len(rows) - _SHOWN} more"] if len(rows) > _SHOWN else []
    return Preview(
        (
            Part("against the defaults", tuple(against_defaults(recipe_values(path, home)))),
            Part(f"runs ({len(rows)})", (*map(run_line, rows[:_SHOWN]), *more)),
            *best_parts(home, rows),
            Part("file", (str(path),)),
        )
    )
