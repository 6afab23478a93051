"""Copies, other names and the trash for files of the home: what `plan`, `recipe` and `study` do alike."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from workbench.cli.context import current_home
from workbench.errors import UsageError
from workbench.library.entry import Kind
from workbench.run.layout import Home


def clone(kind: Kind, ref: str, name: str | None, to: Path | None, force: bool) -> None:
    """Writes a copy into the home, or to a file, and says where."""
    from workbench.library.copies import copy_file, place_of

    if (name is None) == (to is None):
        raise UsageError("a copy needs a name, or --to FILE", f"workbench {kind} clone {ref} NAME")
    home = current_home()
    source = _found(home, kind, ref)
    target = to or place_of(home, kind, name or "")
    copy_file(kind, source, target, name or target.stem, force)
    print(f"wrote {target}")


def rename(kind: Kind, ref: str, name: str) -> None:
    """Gives it another name, and says what it is called now."""
    from workbench.library.copies import place_of, rename_file
    from workbench.library.uses import uses

    home = current_home()
    source = _own(home, kind, ref)
    target = place_of(home, kind, name)
    before = _name(kind, source)
    notes = uses(home, kind, before, source)
    if kind is Kind.STUDY and notes:
        raise UsageError(f"study '{before}' keeps its name for now: {notes[0]}", "rename it when they are over")
    rename_file(kind, source, target, name)
    _say_notes(notes)
    print(f"{before} is called {name} now: {target}")


def trash(kind: Kind, refs: Sequence[str]) -> None:
    """Moves them into the trash, and says how to get them back."""
    from workbench.library.trash import trash_file
    from workbench.library.uses import uses

    home = current_home()
    found = list(dict.fromkeys(_own(home, kind, ref) for ref in refs))
    for path in found:
        name = _name(kind, path)
        notes = uses(home, kind, name, path)
        item = trash_file(home, kind, name, path)
        _say_notes(notes)
        print(f"{kind} {name}: into the trash; back with: workbench trash restore {item.id}")


def _name(kind: Kind, path: Path) -> str:
    return path.parent.name if kind is Kind.STUDY else path.stem


def _found(home: Home, kind: Kind, ref: str) -> Path:
    from workbench.plan.files import find_plan
    from workbench.run.recipe_file import find_recipe
    from workbench.study.study import find_study

    finders: dict[Kind, Callable[[str, Home], Path]] = {
        Kind.PLAN: find_plan,
        Kind.RECIPE: find_recipe,
        Kind.STUDY: find_study,
    }
    return finders[kind](ref, home)


def _own(home: Home, kind: Kind, ref: str) -> Path:
    """The file, where it is one of the home's. Raises UsageError for another."""
    path = _found(home, kind, ref)
    folder = {Kind.PLAN: home.plans, Kind.RECIPE: home.recipes, Kind.STUDY: home.studies}[kind]
    if not path.absolute().is_relative_to(folder.absolute()):
        raise UsageError(
            f"{path} is not one of {folder} and stays as it is", f"a copy: workbench {kind} clone {ref} NAME"
        )
    return path


def _say_notes(notes: Sequence[str]) -> None:
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
