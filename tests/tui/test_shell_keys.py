"""One list of actions behind keys, palette and help: every key has a command, an identifier and words."""

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding, BindingsMap
from textual.dom import DOMNode
from textual.pilot import Pilot
from textual.widgets import Input

import tui
from tests.tui.pilot import NARROW, drive, keys, screen_text
from tui.app import WorkbenchApp
from tui.shell.palette import Commands
from tui.shell.registry import actions_of, commands_of
from workbench.run.layout import Home

MOST_IN_FOOTER = 7
# One level back and the choice of what is under the cursor mean what the nearest pane says; `t` opens the sample
# wherever a screen has nothing better to do with it.
_NEAREST_WINS = {"escape", "enter", "up", "down", "t"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def _owners() -> Iterator[type[DOMNode]]:
    for module in pkgutil.walk_packages(tui.__path__, "tui."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, DOMNode) and value.__module__ == module.name:
                yield value


def _bindings() -> list[tuple[str, Binding]]:
    return [
        (owner.__name__, binding)
        for owner in _owners()
        for binding in owner.__dict__.get("BINDINGS", ())
        if isinstance(binding, Binding)
    ]


def test_every_binding_has_an_identifier_and_words() -> None:
    found = _bindings()
    assert len(found) > 100
    for owner, binding in found:
        assert binding.id, f"{owner}: {binding.key}"
        assert "." in binding.id
        assert binding.description, binding.id
        assert binding.tooltip, binding.id


def test_no_identifier_is_used_twice() -> None:
    counts = Counter(binding.id for _, binding in _bindings())
    assert [name for name, count in counts.items() if count > 1] == []


def _clashes(node: DOMNode) -> list[str]:
    seen: dict[str, tuple[DOMNode, Binding]] = {}
    found = []
    for owner in node.ancestors_with_self:
        if not type(owner).__module__.startswith("tui"):
            continue
        for key, bindings in BindingsMap(owner.BINDINGS).key_to_bindings.items():
            if key in seen and key not in _NEAREST_WINS and seen[key][0] is not owner:
                found.append(f"{key}: {seen[key][1].id} hides {bindings[0].id}")
            seen.setdefault(key, (owner, bindings[0]))
    return found


def _focusable(app: WorkbenchApp) -> list[Any]:
    return [widget for widget in app.screen.query("*") if widget.can_focus and not isinstance(widget, Input)]


@pytest.mark.screens
@pytest.mark.parametrize("mode", ["plan", "runs", "compare", "library"])
def test_keys_of_a_screen(home: Home, mode: str) -> None:
    """No pane hides a key of its screen, the palette has all, and a narrow footer shows no more than fit."""

    async def steps(pilot: Pilot[Any]) -> None:
        app = pilot.app
        await app.switch_mode(mode)
        await pilot.pause()
        assert _focusable(app)
        for widget in _focusable(app):
            assert _clashes(widget) == []
            if not widget.focusable:
                continue
            widget.focus()
            await pilot.pause()
            commands = {action.id for action in commands_of(app.screen)}
            ours = {
                active.binding.id
                for active in app.screen.active_bindings.values()
                if type(active.node).__module__.startswith("tui.") and active.enabled and active.binding.id
            }
            assert ours
            assert ours == commands
            shown = {active.binding.action for active in app.screen.active_bindings.values() if active.binding.show}
            assert len(shown) <= MOST_IN_FOOTER, shown

    drive(home, steps, NARROW)


@pytest.mark.screens
def test_the_palette_shows_keys_and_does_what_they_do(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("f2", *keys("choose every cell"))
        await pilot.pause(0.5)
        assert "plan: All   a" in screen_text(pilot.app)
        await pilot.press("enter")
        await pilot.pause(0.5)
        await pilot.pause()
        assert "all blocks × all modules" in screen_text(pilot.app)
        provider = Commands(pilot.app.screen)
        await provider.startup()
        titles = [command.title for command in provider._commands]
        assert "run: Stop" not in titles
        assert {"view: Doctor", "view: Quit", "view: Runs", "plan: Undo", "theme: nord"} <= set(titles)
        await pilot.press("2")
        await pilot.pause()
        assert {action.group for action in commands_of(pilot.app.screen)} == {"run", "view"}

    drive(home, steps)


@pytest.mark.screens
def test_help_tells_the_keys_of_the_pane_and_of_everywhere(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        told = {action.id for action in actions_of(pilot.app.screen)}
        assert {"grid.area", "plan.rule", "app.quit"} <= told
        await pilot.press("question_mark")
        await pilot.pause()
        text = screen_text(pilot.app)
        assert "v  Area: Begin or end an area at the cursor" in text
        assert "The Plan screen" in text
        await pilot.press("escape")
        await pilot.pause()
        assert "Keys of what has the focus" not in screen_text(pilot.app)

    drive(home, steps, (100, 60))
