"""What the library holds, told from the names of files alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from workbench.plan.files import SUFFIX, built_in_plans
from workbench.run.layout import Home
from workbench.run.recipe_file import built_in_recipes
from workbench.study.study import home_file, known_studies


class Kind(StrEnum):
    """Its value is the command's noun, but for a run's, which is `runs`."""

    STUDY = "study"
    PLAN = "plan"
    RECIPE = "recipe"
    RUN = "run"
    TEMPLATE = "template"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing of the library. `path` is its file, of a run its folder; `name` is what commands call it."""

    kind: Kind
    name: str
    path: Path
    built_in: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Tells it apart from all others."""
        return self.kind, str(self.path) if self.kind is not Kind.TEMPLATE else self.name


def file_entries(home: Home) -> tuple[Entry, ...]:
    """Studies, plans and recipes; of the program's own those that no file of the home stands in for."""
    studies = [Entry(Kind.STUDY, name, home_file(home, name)) for name in known_studies(home)]
    return (
        *studies,
        *_named(Kind.PLAN, home.plans, built_in_plans()),
        *_named(Kind.RECIPE, home.recipes, built_in_recipes()),
    )


def _named(kind: Kind, own: Path, built_in: Path) -> Iterator[Entry]:
    seen = set()
    for folder in (own, built_in):
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            if path.stem not in seen and not path.name.startswith("."):
                seen.add(path.stem)
                yield Entry(kind, path.stem, path, built_in=folder is built_in)
