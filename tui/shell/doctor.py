"""What `workbench doctor` finds, as it finds it."""

import textwrap
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static
from textual.worker import get_current_worker

from tui.widgets.copying import copy_text
from tui.widgets.key_line import KeyLine
from workbench.report.plain import visible
from workbench.run.layout import Home

if TYPE_CHECKING:
    from workbench.doctor.check import Check

_HEAD = 23  # cells of state and name


class DoctorScreen(ModalScreen[None]):
    """Checks are looked at in a thread; the last one waits for the trainer's libraries in a process of its own."""

    CSS = """
    DoctorScreen {
        align: center middle;
        & VerticalScroll { width: 95%; height: 90%; border: round $accent; padding: 0 1; background: $surface; }
        & Static { height: auto; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Close", id="doctor.close", tooltip="Back to the screen"),
        Binding("y", "copy", "Copy", id="doctor.copy", tooltip="Copy all that was found"),
    ]

    class Found(Message):
        """One more thing was looked at; None: that was all."""

        def __init__(self, check: "Check | None") -> None:
            super().__init__()
            self.check = check

    def __init__(self, home: Home) -> None:
        super().__init__()
        self._home = home
        self._lines: list[str] = []

    def compose(self) -> ComposeResult:
        with VerticalScroll() as box:
            box.border_title = "workbench doctor"
            yield Static("looking …", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self.run_worker(self._look, thread=True, group="doctor", exit_on_error=False)

    def _look(self) -> None:
        from workbench.cli.context import how_home_was_chosen
        from workbench.doctor.examine import examine

        worker = get_current_worker()
        for check in examine(self._home, how_home_was_chosen()):
            if worker.is_cancelled:
                return
            self.post_message(self.Found(check))
        self.post_message(self.Found(None))

    @on(Found)
    def _show(self, event: Found) -> None:
        if event.check is not None:
            self._lines += check_lines(event.check, max(30, self.size.width * 95 // 100 - 6))
        self.query_one(Static).update("\n".join([*self._lines, *(["looking …"] if event.check else [])]))

    def action_copy(self) -> None:
        copy_text(self, "\n".join(self._lines), "copied what was found")

    def action_leave(self) -> None:
        self.dismiss(None)


def check_lines(check: "Check", width: int) -> list[str]:
    """State, name and message; what to do stands below."""
    room = max(20, width - _HEAD)
    first, *rest = textwrap.wrap(visible(check.message), room, break_on_hyphens=False) or [""]
    fix = textwrap.wrap(visible(check.fix), room - 2, break_on_hyphens=False)
    below = [*rest, *(("→ " if number == 0 else "  ") + line for number, line in enumerate(fix))]
    return [f"{check.state:<9}{check.name:<14}{first}", *(" " * _HEAD + line for line in below)]
