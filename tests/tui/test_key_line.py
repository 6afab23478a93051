"""The keys at the foot of a screen are made anew where they are others, and only there."""

import asyncio
from typing import ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Static
from textual.widgets._footer import FooterKey

from tui.widgets.key_line import KeyLine

pytestmark = pytest.mark.screens


class Pane(Static, can_focus=True):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("d", "app.do", "Do")]


class Bare(Static, can_focus=True):
    """Without a key of its own."""


class Panes(App[None]):
    """Two panes with a key of their own, and one without; an action that may be switched off."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("x", "leave", "Leave"), Binding("h", "hide", "Hidden", show=False)]
    is_free = True

    def compose(self) -> ComposeResult:
        yield Pane(id="first")
        yield Pane(id="second")
        yield Bare(id="bare")
        yield KeyLine()
        yield Footer(show_command_palette=False)

    def action_do(self) -> None: ...
    def action_leave(self) -> None: ...

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return None if action == "do" and not self.is_free else True


def test_keys_are_those_of_a_footer_and_stay_where_the_focus_changes_nothing() -> None:
    async def run() -> None:
        app = Panes()
        async with app.run_test() as pilot:

            async def focused(name: str) -> list[FooterKey]:
                app.query_one(f"#{name}").focus()
                await pilot.pause(0.1)
                line, footer = list(app.query("KeyLine FooterKey")), list(app.query("Footer FooterKey"))
                ours = [_said(key) for key in line if isinstance(key, FooterKey)]
                theirs = [_said(key) for key in footer if isinstance(key, FooterKey) and key not in line]
                assert ours == theirs
                return [key for key in line if isinstance(key, FooterKey)]

            first = await focused("first")
            assert [key.description for key in first] == ["Do", "Leave"]
            assert await focused("second") == first
            assert [key.description for key in await focused("bare")] == ["Leave"]
            assert [key.description for key in await focused("first")] == ["Do", "Leave"]
            app.is_free = False
            app.refresh_bindings()
            assert [key.has_class("-disabled") for key in await focused("first")] == [True, False]

    asyncio.run(run())


def _said(key: FooterKey) -> tuple[str, str, bool]:
    return key.key_display, key.description, key.has_class("-disabled")
