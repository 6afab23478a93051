"""The palette: what the keys do here, the themes, and what the app looks at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.screen import Screen
from textual.types import IgnoreReturnCallbackType

from tui.shell.registry import Action, commands_of, is_of_app


@dataclass(frozen=True, slots=True)
class Command:
    """A line of the palette; `keys` is empty for what has none."""

    title: str
    keys: str
    help: str
    run: IgnoreReturnCallbackType

    def shown(self, title: Content) -> Content:
        return Content.assemble(title, (f"   {self.keys}", "dim")) if self.keys else title


class Commands(Provider):
    """Of the screen under the palette, as long as it holds."""

    async def startup(self) -> None:
        self._commands = tuple(self._all())

    async def discover(self) -> Hits:
        for command in self._commands:
            yield DiscoveryHit(command.shown(Content(command.title)), command.run, command.title, command.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in self._commands:
            score = matcher.match(command.title)
            if command.keys:
                score = max(score, 0.6 * matcher.match(command.help))
            if score > 0:
                found = command.shown(matcher.highlight(command.title))
                yield Hit(score, found, command.run, command.title, command.help)

    def _all(self) -> Iterator[Command]:
        for action in _in_order(commands_of(self.screen)):
            yield Command(action.title, " ".join(action.keys), action.tooltip, partial(self._run, action))
        yield Command("view: Doctor", "", "Terminal, GPU, packages, paths, as workbench doctor", self._doctor)
        for name in sorted(self.app.available_themes):
            yield Command(f"theme: {name}", "", "The colours of all screens, from now on", partial(self._theme, name))

    async def _run(self, action: Action) -> None:
        await self.app.run_action(action.name, default_namespace=action.node)

    async def _doctor(self) -> None:
        await self.app.run_action("doctor")

    async def _theme(self, name: str) -> None:
        await self.app.run_action(f"choose_theme({name!r})")


def _in_order(actions: Sequence[Action]) -> list[Action]:
    """What the screen does, what holds everywhere, and last what moves in the focused pane."""
    return sorted(actions, key=lambda action: 0 if isinstance(action.node, Screen) else 1 if is_of_app(action) else 2)
