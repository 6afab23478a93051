"""One run in full, over the list; what helps against a failure is a key."""

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static
from textual.worker import get_current_worker

from tui.runs.asking import Wish
from tui.runs.opened import Opened, open_run
from tui.shell.held import hold_keys
from tui.shell.in_turn import Hold, LetGo
from tui.twin import command_line
from tui.widgets.copying import copy_text
from tui.widgets.key_line import KeyLine
from workbench.errors import WorkbenchError
from workbench.report.plain import visible
from workbench.run.layout import Home


class RunDialog(ModalScreen[Wish | None]):
    """Answers with what is to be asked of the run, None for nothing."""

    CSS = """
    RunDialog {
        align: center middle;
        & VerticalScroll { width: 95%; height: 90%; border: round $accent; background: $surface; }
        & Static { width: 1fr; height: auto; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter", "leave", "Back", id="run.back", tooltip="Back to the list"),
        *(
            Binding(key, f"fix({key!r})", f"Fix {key}", id=f"run.fix_{key}", tooltip="Do this, or copy it")
            for key in "abc"
        ),
        Binding("Y", "copy", "Copy command", id="run.copy", tooltip="Copy the command that shows this"),
    ]

    class Read(Message):
        """The text is there."""

        def __init__(self, opened: Opened) -> None:
            super().__init__()
            self.opened = opened

    def __init__(self, home: Home, run_id: str) -> None:
        super().__init__()
        self._home, self._run_id = home, run_id
        self._opened = Opened("reading …", ())

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="run-scroll"):
            yield Static("reading …", id="run-text", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one("#run-scroll").focus()

    def on_resize(self) -> None:
        """Also when it is opened: lines are folded to the width that there is. Which keys there are is read, too."""
        width = max(20, self.app.size.width * 95 // 100 - 6)
        work = partial(self._read, width, hold_keys(self))
        self.run_worker(work, thread=True, group="run", exclusive=True, exit_on_error=False)

    def _read(self, width: int, hold: Hold) -> None:
        try:
            opened = open_run(self._home, self._run_id, width)
        except WorkbenchError as error:
            opened = Opened(f"{visible(error.title)}\n{visible(error.hint)}", ())
        except OSError as error:
            opened = Opened(f"the run cannot be read: {visible(str(error))}", ())
        if not get_current_worker().is_cancelled:
            self.post_message(self.Read(opened))
        self.post_message(LetGo(hold))

    @on(Read)
    def _show(self, event: Read) -> None:
        self._opened = event.opened
        keys = [f"  [{fix.key}] {visible(fix.text)}" for fix in event.opened.fixes]
        head = "\n".join(["what the keys do", *keys, "", ""]) if keys else ""
        self.query_one("#run-text", Static).update(head + event.opened.text)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys without a fix are not offered."""
        return action != "fix" or any(fix.key == parameters[0] for fix in self._opened.fixes)

    def action_fix(self, key: str) -> None:
        fix = next(fix for fix in self._opened.fixes if fix.key == key)
        if fix.wish:
            self.dismiss(fix.wish)
            return
        copy_text(self, fix.copied)

    def action_copy(self) -> None:
        copy_text(self, command_line(self._home, ["runs", "show", self._run_id]))

    def action_leave(self) -> None:
        self.dismiss(None)
