"""An error nobody expected, over the screen where it happened; all else goes on."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.shell.report import Report
from tui.widgets.copying import copy_text
from tui.widgets.key_line import KeyLine
from workbench.report.plain import visible


class ErrorScreen(ModalScreen[None]):
    """Hides all below it: what cannot be drawn must not be drawn here again."""

    CSS = """
    ErrorScreen {
        align: center middle; background: $background;
        & VerticalScroll { width: 95%; height: 90%; border: round $error; padding: 0 1; overflow: auto auto; }
        & Static { width: auto; height: auto; }
        & #error-report { display: none; margin-top: 1; }
        &.-unfolded #error-report { display: block; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Go on", id="error.close", tooltip="Back to the screen"),
        Binding("y", "copy", "Copy report", id="error.copy", tooltip="Copy the whole report"),
        Binding("space,t", "unfold", "Traceback", id="error.unfold", tooltip="Show where it happened, or hide it"),
        Binding("q,ctrl+q", "app.quit", "Quit", id="error.quit", tooltip="Leave; runs go on"),
    ]

    def __init__(self, report: Report) -> None:
        super().__init__()
        self.report = report

    def compose(self) -> ComposeResult:
        kept = f"kept in  {self.report.path}" if self.report.path else f"not kept: {visible(self.report.problem)}"
        said = [
            visible(self.report.summary),
            "",
            "Nothing that was typed is lost, and runs go on. esc goes on here, too.",
            "The report has no secrets that were recognised; y copies it.",
            kept,
        ]
        with VerticalScroll() as box:
            box.border_title = "An unexpected error"
            yield Static("\n".join(said), id="error-said", markup=False)
            yield Static("\n".join(map(visible, self.report.text.splitlines())), id="error-report", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def action_unfold(self) -> None:
        self.toggle_class("-unfolded")

    def action_copy(self) -> None:
        copy_text(self, self.report.text, "copied the report")

    def action_leave(self) -> None:
        self.dismiss(None)
