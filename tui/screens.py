"""The screens by name. Each is imported when it is first made: the first paint waits for one of them alone."""

from collections.abc import Callable
from importlib import import_module
from typing import cast

from textual.screen import Screen

from workbench.run.layout import Home

_CLASSES = {
    "plan": ("tui.plan.screen", "PlanScreen"),
    "runs": ("tui.runs.screen", "RunsScreen"),
    "compare": ("tui.compare.screen", "CompareScreen"),
    "library": ("tui.library.screen", "LibraryScreen"),
}
_WITH_MODEL = {"plan", "library"}
NAMES = tuple(_CLASSES)


def make_screen(name: str, home: Home, model: str) -> Screen[None]:
    """The screen over a home; Plan and Library begin with a model, "" where none was named."""
    make = _class(name)
    return make(home, model) if name in _WITH_MODEL else make(home)


def import_screens() -> None:
    """All of them, for what has to know every key."""
    for name in NAMES:
        _class(name)


def _class(name: str) -> Callable[..., Screen[None]]:
    module, kind = _CLASSES[name]
    return cast(Callable[..., Screen[None]], getattr(import_module(module), kind))
