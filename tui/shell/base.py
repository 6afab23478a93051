"""The app without its screens: what is the same everywhere."""

from typing import ClassVar

from textual.app import App
from textual.binding import BindingType
from textual.widget import Widget

from tui.shell.ascii import AsciiFilter
from tui.shell.doctor import DoctorScreen
from tui.shell.guide import Guide
from tui.shell.jump import Jump, panes_of
from tui.shell.key_help import KeyHelp, in_order
from tui.shell.keys import KEYS
from tui.shell.palette import Commands
from tui.shell.registry import actions_of
from workbench.run.layout import Home


class ShellApp(App[None]):
    """`home` is the folder that all screens look at; with `only_ascii` no other glyph reaches the terminal."""

    TITLE = "adapter workbench"
    COMMANDS = {Commands}  # noqa: RUF012 (as in Textual)
    BINDINGS: ClassVar[list[BindingType]] = KEYS

    def __init__(self, home: Home, only_ascii: bool = False) -> None:
        super().__init__()
        self.home = home
        if only_ascii:
            self._filters.append(AsciiFilter())

    def action_keys(self) -> None:
        self.push_screen(KeyHelp(in_order(actions_of(self.screen))))

    def action_guide(self) -> None:
        self.push_screen(Guide())

    def action_jump(self) -> None:
        self.push_screen(Jump(panes_of(self.screen)), self._jumped)

    def _jumped(self, pane: Widget | None) -> None:
        if pane is not None and pane.is_attached:
            pane.focus()

    def action_doctor(self) -> None:
        self.push_screen(DoctorScreen(self.home))
