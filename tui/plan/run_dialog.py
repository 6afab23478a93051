"""Before a run: seeds, recipe, what it will take, and the exact command."""

import shlex
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, Label, Static

from tui.plan.draft import Draft
from tui.plan.launch import Wish, read_wish
from workbench.errors import UsageError
from workbench.plan.cost import memory
from workbench.report.numbers import count, size
from workbench.report.plain import visible

_DEMO_RECIPE = "demo"


class PlanRunDialog(ModalScreen[Wish | None]):
    """Answers with what is to be launched; None for nothing."""

    CSS = """
    PlanRunDialog {
        align: center middle;
        & Vertical { width: 76; max-width: 95%; height: auto; border: round $accent; padding: 0 1; }
        & Vertical { background: $surface; }
        & Label { margin-top: 1; }
        & Static { height: auto; margin-top: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel", id="launch.cancel", tooltip="Back to the plan; nothing is run"),
        Binding("ctrl+y", "copy", "Copy command", id="launch.copy", tooltip="Copy the command that does the same"),
    ]

    def __init__(self, draft: Draft, home_path: str) -> None:
        super().__init__()
        self._draft = draft
        self._home_path = home_path

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self._preflight(), markup=False)
            yield Label("Recipe: a file, or the name of one")
            yield Input(_DEMO_RECIPE if self._draft.plan.model == "demo" else "", id="recipe", compact=True)
            yield Label("Seeds")
            yield Input("1 2 3", id="seeds", compact=True)
            yield Static("", id="command", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one("#seeds", Input).focus()
        self._show_command()

    @on(Input.Changed)
    def _changed(self) -> None:
        self._show_command()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        try:
            self.dismiss(self._wish())
        except UsageError:
            self._show_command()

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_copy(self) -> None:
        try:
            text = self._line()
        except UsageError:
            return
        self.app.copy_to_clipboard(text)
        self.notify("copied", markup=False)

    def _wish(self) -> Wish:
        recipe, seeds = (self.query_one(f"#{name}", Input).value for name in ("recipe", "seeds"))
        return read_wish(self._draft.path, recipe, seeds)

    def _line(self) -> str:
        return shlex.join(["workbench", "--home", self._home_path, *self._wish().words()])

    def _show_command(self) -> None:
        try:
            text = f"enter launches:\n{visible(self._line())}"
        except UsageError as error:
            text = f"✗ {visible(error.title)}: {error.hint}"
        self.query_one("#command", Static).update(text)

    def _preflight(self) -> str:
        plan = self._draft.plan
        estimate = memory(plan)
        lines = [
            f"{visible(plan.name)} on {visible(plan.model)}: {count(plan.trainable_params)} trainable parameters",
            f"about {size(estimate.total)} at {estimate.tokens:,} tokens a micro-batch; the recipe decides how many",
            f"the plan is written to {visible(str(self._draft.path))}",
        ]
        lines += [f"! {visible(problem.message)}" for problem in self._draft.check.warnings]
        return "\n".join(lines)
