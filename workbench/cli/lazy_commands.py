"""Commands that are imported when they are asked for: a person waits for the one that was typed, not for all."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

# Name and place, in the order of the help: a Typer app for a noun, a function for a command of its own.
COMMANDS = {
    "tui": "workbench.cli.screens:screens",
    "serve": "workbench.cli.serve:serve",
    "model": "workbench.cli.model:app",
    "plan": "workbench.cli.plan:app",
    "recipe": "workbench.cli.recipe:app",
    "data": "workbench.cli.data:app",
    "run": "workbench.cli.run:run",
    "runs": "workbench.cli.runs:app",
    "adapter": "workbench.cli.adapter:app",
    "compare": "workbench.cli.compare:compare",
    "study": "workbench.cli.study:app",
    "lens": "workbench.cli.lens:app",
    "sql": "workbench.cli.sql:sql",
    "export": "workbench.cli.export:export",
    "import": "workbench.cli.importing:import_files",
    "trash": "workbench.cli.trash:app",
    "db": "workbench.cli.db:app",
    "demo": "workbench.cli.demo:demo",
    "sample": "workbench.cli.sample:sample",
    "doctor": "workbench.cli.doctor:doctor",
}


class LazyCommands(Mapping[str, Any]):
    """Names to click commands; a command's module is imported when it is first looked up."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = _load(name, self._places[name])
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class Commands(TyperGroup):
    """The program's own group, over COMMANDS."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = LazyCommands(COMMANDS)  # type: ignore[assignment]  # nothing is ever added to it


def _load(name: str, place: str) -> Any:
    module, _, attribute = place.partition(":")
    found = getattr(import_module(module), attribute)
    if isinstance(found, typer.Typer):
        command = get_group(found)
    else:
        alone = typer.Typer(add_completion=False)
        alone.command(name)(found)
        command = get_command(alone)  # type: ignore[assignment]
    command.name = name
    return command
