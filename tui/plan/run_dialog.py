"""Before a run: seeds, recipe, what it will take, and the exact command."""

from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static
from textual.worker import get_current_worker

from tui.plan.draft import Draft
from tui.plan.launch import Wish, read_wish
from tui.plan.preflight import Finding, blocks, preflight
from tui.twin import command_line
from tui.widgets.copying import copy_text
from tui.widgets.key_line import KeyLine
from tui.widgets.outside_editor import edit_file
from workbench.errors import UsageError, WorkbenchError
from workbench.plan.sources import DEMO
from workbench.report.plain import visible
from workbench.run.layout import Home

_WAIT = 0.3  # seconds without a key before it is looked at again
_KEYS = {"data": "data", "steps": "steps", "batch": "micro batch", "lr": "lr"}
_FIELDS = {"recipe": "recipe", "seeds": "seeds", **_KEYS, "other": "more keys"}
_HINTS = {
    "recipe": "a file, or the name of one",
    "seeds": "1 2 3",
    "other": "key=value key=value, of the recipe",
}
_MOST = 2000


class PlanRunDialog(ModalScreen[Wish | None]):
    """Answers with what is to be launched; None for nothing."""

    CSS = """
    PlanRunDialog {
        align: center middle;
        & VerticalScroll { width: 84; max-width: 96%; height: auto; max-height: 92%; border: round $accent; }
        & VerticalScroll { background: $surface; padding: 0 1; }
        & Horizontal { height: 1; }
        & Label { width: 13; color: $text-muted; }
        & Input { width: 1fr; }
        & #command, & #preflight { height: auto; margin-top: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel", id="launch.cancel", tooltip="Back to the plan; nothing is run"),
        Binding("enter", "launch", "Launch", id="launch.go", tooltip="Put the runs into the queue"),
        Binding("ctrl+y", "copy", "Copy command", id="launch.copy", tooltip="Copy the command that does the same"),
        Binding("f4", "edit", "Edit recipe", id="launch.edit", tooltip="Open the recipe in $EDITOR"),
        Binding("pagedown", "scroll(1)", "Down", show=False, id="launch.down", tooltip="The lines below"),
        Binding("pageup", "scroll(-1)", "Up", show=False, id="launch.up", tooltip="The lines above"),
    ]

    class Looked(Message):
        """The checks are done, of the wish that they were for."""

        def __init__(self, wish: Wish, found: list[Finding]) -> None:
            super().__init__()
            self.wish, self.found = wish, found

    def __init__(self, home: Home, draft: Draft) -> None:
        super().__init__()
        self._home, self._draft = home, draft
        self._found: tuple[Wish, list[Finding]] | None = None

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False) as box:
            box.border_title = Text(f"Run {visible(self._draft.plan.name)} on {visible(self._draft.plan.model)}")
            for name, label in _FIELDS.items():
                with Horizontal():
                    yield Label(label)
                    yield Input(
                        self._first(name),
                        id=name,
                        compact=True,
                        max_length=_MOST,
                        placeholder=_HINTS.get(name, "as the recipe says"),
                    )
            yield Static("", id="command", markup=False)
            yield Static("", id="preflight", markup=False)
        yield KeyLine()

    def _first(self, name: str) -> str:
        recipe = DEMO if self._draft.plan.model == DEMO else ""
        return {"recipe": recipe, "seeds": "1 2 3"}.get(name, "")

    def on_mount(self) -> None:
        self.query_one("#seeds" if self._draft.plan.model == DEMO else "#recipe", Input).focus()
        self._timer = self.set_timer(_WAIT, self._look)
        self._show()

    @on(Input.Changed)
    def _changed(self) -> None:
        self._timer.stop()
        self._timer = self.set_timer(_WAIT, self._look)
        self._show()

    @on(Input.Submitted)
    def action_launch(self) -> None:
        """Launches, unless the fields or the checks say that it cannot be."""
        try:
            wish = self._wish()
        except UsageError:
            return
        if self._found and self._found[0] == wish and blocks(self._found[1]):
            self.notify("nothing was launched: see the lines with ✗", severity="error", markup=False)
            return
        self.dismiss(wish)

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_scroll(self, pages: int) -> None:
        box = self.query_one(VerticalScroll)
        box.scroll_relative(y=pages * box.size.height, animate=False)

    def action_copy(self) -> None:
        try:
            copy_text(self, self._line())
        except UsageError as error:
            self.notify(f"{error.title}: {error.hint}", severity="error", markup=False)

    def action_edit(self) -> None:
        """Recipes that ship with the program stay as they are."""
        from workbench.run.recipe_file import find_recipe

        try:
            path = find_recipe(self._wish().recipe, self._home)
            if not _is_own(path):
                raise UsageError(f"{path.name} ships with the program", f"copy it into {self._home.recipes} first")
            edit_file(self.app, path, "more keys takes changes of the recipe, such as steps=200")
        except WorkbenchError as error:
            self.notify(f"{error.title}; {error.hint}", severity="error", markup=False)
        self._look()

    def _look(self) -> None:
        try:
            wish = self._wish()
        except UsageError:
            return
        self.run_worker(
            lambda: self._in_thread(wish), thread=True, group="preflight", exclusive=True, exit_on_error=False
        )

    def _in_thread(self, wish: Wish) -> None:
        found = preflight(self._home, self._draft.plan, wish)
        if not get_current_worker().is_cancelled:
            self.post_message(self.Looked(wish, found))

    @on(Looked)
    def _looked(self, event: Looked) -> None:
        self._found = (event.wish, event.found)
        self._show()

    def _wish(self) -> Wish:
        values = {name: self.query_one(f"#{name}", Input).value for name in _FIELDS}
        keys = {key: values[key] for key in _KEYS}
        return read_wish(self._draft.path, values["recipe"], values["seeds"], keys, values["other"])

    def _line(self) -> str:
        return command_line(self._home, self._wish().words())

    def _show(self) -> None:
        try:
            wish, text = self._wish(), f"enter launches, ctrl+y copies:\n{visible(self._line())}"
        except UsageError as error:
            wish, text = None, f"✗ {visible(error.title)}: {error.hint}"
        self.query_one("#command", Static).update(text)
        self.query_one("#preflight", Static).update("\n".join(self._checks(wish)))

    def _checks(self, wish: Wish | None) -> list[str]:
        warnings = [
            f"! {visible(problem.where.rpartition(' ')[2])}: {visible(problem.message)}"
            for problem in self._draft.check.warnings
        ]
        if wish is None:
            return warnings
        if self._found is None or self._found[0] != wish:
            return [*warnings, "… looking at data, memory, time and disk"]
        return [*warnings, *(visible(str(finding)) for finding in self._found[1])]


def _is_own(path: Path) -> bool:
    from importlib.resources import files

    return not path.is_relative_to(Path(str(files("workbench.demo"))))
