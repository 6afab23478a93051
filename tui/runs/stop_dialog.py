"""How a run is to be stopped: the focus is on leaving it alone."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from tui.runs.asking import Ask, Wish
from tui.twin import command_line
from tui.widgets.copying import copy_text
from tui.widgets.key_line import KeyLine
from workbench.report.plain import visible
from workbench.run.layout import Home

_CHOICES = {"cancel": None, "stop": Wish(Ask.STOP), "kill": Wish(Ask.KILL)}


class StopDialog(ModalScreen[Wish | None]):
    """Answers with the wish; None leaves the run alone."""

    CSS = """
    StopDialog {
        align: center middle;
        & > Vertical { width: 60; max-width: 100%; height: auto; border: round $warning; background: $surface; }
        & Button { width: 100%; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "answer('cancel')", "Cancel", id="stop.cancel", tooltip="Leave the run alone"),
        Binding("s", "answer('stop')", "Save and stop", id="stop.save", tooltip="Finish the step, save, end"),
        Binding("k", "answer('kill')", "Kill", id="stop.kill", tooltip="End at once; nothing more is saved"),
        Binding("up", "app.focus_previous", "Up", show=False, id="stop.up", tooltip="The choice above"),
        Binding("down", "app.focus_next", "Down", show=False, id="stop.down", tooltip="The choice below"),
        Binding("Y", "copy", "Copy command", id="stop.copy", tooltip="Copy the command of the choice"),
    ]

    def __init__(self, home: Home, run_id: str, name: str) -> None:
        super().__init__()
        self._home, self._run_id, self._name_shown = home, run_id, visible(name)

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(f"Stop {self._name_shown} ({self._run_id})?", markup=False)
            yield Button("Cancel", id="cancel", compact=True)
            yield Button("Finish the step, save, stop", id="stop", compact=True)
            yield Button("Kill now: nothing more is saved", id="kill", compact=True)
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one("#cancel").focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.action_answer(event.button.id or "cancel")

    def action_answer(self, choice: str) -> None:
        self.dismiss(_CHOICES[choice])

    def action_copy(self) -> None:
        wish = _CHOICES.get((self.focused and self.focused.id) or "") or Wish(Ask.STOP)
        copy_text(self, command_line(self._home, wish.words(self._run_id)))
