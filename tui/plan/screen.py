"""The Plan screen: a map of the model, an inspector, and a line for rules. Every edit is a rule of the plan file."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from tui.left import note_left
from tui.plan.answered import OPEN, Answered
from tui.plan.background import Background, Ready, said
from tui.plan.cell_text import Shown
from tui.plan.copy_line import CopyLine
from tui.plan.desk import Desk
from tui.plan.draft import Draft
from tui.plan.edits import Edits
from tui.plan.file_watch import FileWatch
from tui.plan.inspector import Inspector
from tui.plan.keys import KEYS
from tui.plan.launcher import Launcher, WasLaunched
from tui.plan.layer_grid import LayerGrid
from tui.plan.name_line import NameLine
from tui.plan.opening import first
from tui.plan.patterns import modules_of
from tui.plan.rule_line import RuleLine
from tui.plan.view import PlanView
from tui.widgets.copying import copy_text
from tui.widgets.key_line import KeyLine
from tui.widgets.outside_editor import edited_outside
from tui.widgets.said_line import SaidLine
from workbench.errors import WorkbenchError
from workbench.plan.compact import compact
from workbench.plan.sources import DEMO
from workbench.report.plain import visible
from workbench.run.layout import Home

if TYPE_CHECKING:
    from tui.plan.dialogs import Dialogs

_NARROW = [(0, "-narrow"), (100, "-wide")]
_LINES: tuple[type[SaidLine], ...] = (RuleLine, NameLine, CopyLine)
_LOOK = 1.0  # seconds between looks at the plan file


class PlanScreen(Screen[None]):
    """One draft at a time; what is typed is in its journal before it is on the screen."""

    HORIZONTAL_BREAKPOINTS = _NARROW
    # Not a file of its own: for another file Textual parses all styles anew, which the first paint would wait for.
    DEFAULT_CSS = """
    PlanScreen {
        & #title { height: 1; padding: 0 1; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }
        & #map { border: round $accent; border-title-align: left; width: 1fr; }
        & #legend { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & #inspector { border: round $primary; }
        & #status { height: 1; padding: 0 1; display: none; text-wrap: nowrap; text-overflow: ellipsis; }
        &.-narrow #inspector { display: none; }
        &.-narrow #status { display: block; }
        &.-narrow.-drawer #inspector { display: block; layer: above; dock: right; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = KEYS

    def __init__(self, home: Home, model: str = "") -> None:
        """Without a model, it begins with the plan that was left, or with the demo."""
        super().__init__()
        self._home = home
        self._first = first(home, model)
        self._desk = self._first.desk
        if model not in ("", DEMO):
            note_left(home, self._desk.draft.path)
        self._view = PlanView(self, self._desk)
        self._background = Background(self, self.refuse)
        self._answered = Answered(self)
        self._watch, self._launcher = FileWatch(self), Launcher(self)

    @property
    def desk(self) -> Desk:
        return self._desk

    @property
    def draft(self) -> Draft:
        return self._desk.draft

    @property
    def view(self) -> PlanView:
        return self._view

    @property
    def grid(self) -> LayerGrid:
        return self.query_one(LayerGrid)

    @property
    def edits(self) -> Edits:
        return Edits(self._desk, self.grid)

    @property
    def file_watch(self) -> FileWatch:
        return self._watch

    @property
    def background(self) -> Background:
        return self._background

    @property
    def dialogs(self) -> "Dialogs":
        from tui.plan.dialogs import Dialogs

        return Dialogs(self.app, self._home, self._background, self._answered)

    @property
    def is_writing(self) -> bool:
        """Whether a line is open, which no question may come between."""
        return any(self.query_one(line).is_open for line in _LINES)

    def compose(self) -> ComposeResult:
        yield Static("", id="title", markup=False)
        with Horizontal():
            with Vertical():
                yield LayerGrid(self.draft.plan, id="map")
                yield Static("", id="legend", markup=False)
                yield RuleLine(self.draft.plan)
                yield NameLine()
                yield CopyLine(self._desk.home)
            yield Inspector(id="inspector")
        yield Static("", id="status", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self.grid.focus()
        self._view.show_map()
        # What earlier runs took comes from the store, and to load DuckDB takes as long as the first paint.
        self.call_after_refresh(self._view.read_pace, self._background)
        self.set_interval(_LOOK, self._watch.look)
        if self._first.model:
            self._answered.open_model(self._first.model)
        if self._first.plan:
            self._answered.open_left(self._first.plan)

    def on_resize(self) -> None:
        if self.is_mounted:
            self._view.show_heading()

    def on_screen_resume(self) -> None:
        self._watch.look()

    @on(Ready)
    def _ready(self, event: Ready) -> None:
        event.take()

    @on(Worker.StateChanged)
    def _worker_failed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self.refuse(f"{event.worker.group}: {event.worker.error}")
            if event.worker.group == OPEN:
                self._view.show_opening("")

    def refuse(self, text: str) -> None:
        """Says why something was not done."""
        self.notify(visible(text[-600:].replace("\n", "; ")), severity="error", markup=False)

    # -- drafts

    def show_desk(self, desk: Desk) -> None:
        """Another draft; the one before is in its journal."""
        self._desk = desk
        note_left(desk.home, desk.draft.path)
        self._view.begin(desk)
        self._view.read_pace(self._background)
        self._watch.look()

    def open_plan(self, path: Path | None, text: str | None, name: str) -> None:
        """Opens a plan file, or a text that has no file yet."""
        self._answered.open_plan(path, text, name)

    def change(self, action: Callable[[], object]) -> None:
        """Does something to the draft, and shows it; an error leaves it as it was."""
        try:
            action()
        except WorkbenchError as error:
            self.refuse(said(error))
        self._view.show_draft()

    # -- the map and the lines

    @on(LayerGrid.Changed)
    def _chosen(self) -> None:
        self._view.show_chosen()

    @on(LayerGrid.Released)
    def _released(self) -> None:
        self._view.compare(None)

    @on(RuleLine.Typed)
    def _typed(self, event: RuleLine.Typed) -> None:
        self.grid.touch(self.grid.placed.cell_of(site) for site in event.read.sites)

    @on(RuleLine.Left)
    @on(NameLine.Left)
    @on(CopyLine.Left)
    def _left(self) -> None:
        self._close_lines()

    @on(RuleLine.Entered)
    def _entered(self, event: RuleLine.Entered) -> None:
        self._close_lines()
        self.change(lambda: self.edits.add(event.read.rules, event.read.sites))

    @on(NameLine.Named)
    def _named(self, event: NameLine.Named) -> None:
        self._close_lines()
        self.change(lambda: self._desk.name_group(event.name, self.edits.sites))

    @on(CopyLine.Named)
    def _copied(self, event: CopyLine.Named) -> None:
        self._close_lines()
        self._launcher.save_as(event.name)

    def _close_lines(self) -> None:
        for line in _LINES:
            self.query_one(line).close()
        self.grid.touch(())
        self.grid.focus()

    def action_rule(self) -> None:
        self.query_one(RuleLine).open(self.draft.plan, self.edits.sites)

    def action_ask(self, assignment: str) -> None:
        """The line opens with the selection's own selector, where one says it."""
        selectors = self._selectors()
        text = f"{selectors[0]} {assignment}" if len(selectors) == 1 else assignment
        self.query_one(RuleLine).open(self.draft.plan, self.edits.sites, text)

    def action_name(self) -> None:
        self.query_one(NameLine).open("; ".join(self._selectors()))

    def _selectors(self) -> Sequence[str]:
        return compact(self.edits.sites, self.draft.plan.map)

    # -- edits

    def action_edit(self, key: str) -> None:
        self.change(lambda: self.edits.do(key))

    def action_pick(self) -> None:
        self.change(lambda: self._desk.pick(self.edits.under_cursor))

    def action_undo(self) -> None:
        self.change(self._desk.undo)

    def action_redo(self) -> None:
        self.change(self._desk.redo)

    def action_editor(self) -> None:
        try:
            text = edited_outside(self.app, self.draft.text, ".yaml")
        except (OSError, WorkbenchError) as error:
            self.refuse(said(error))
            return
        self.change(lambda: self._desk.replace_text(text))

    # -- what is looked at

    def action_colour(self) -> None:
        shown = [one for one in Shown if one is not Shown.MEASURED or self._view.measured]
        self._view.colour(shown[(shown.index(self.grid.shown) + 1) % len(shown)])

    def action_heat(self) -> None:
        self.dialogs.heat(self.draft.plan.map, self._answered.paint_measured)

    def action_pattern(self) -> None:
        self.dialogs.pattern(self.draft.plan.map, modules_of(self.edits.sites, self.draft.plan.map))

    def action_diff(self) -> None:
        self.dialogs.diff(self.draft.plan.map)

    def action_device(self) -> None:
        self.dialogs.device()

    def action_model(self) -> None:
        self.dialogs.model()

    def action_open(self) -> None:
        self.dialogs.open_plan()

    def action_fold(self) -> None:
        self.grid.fold(1 if self.grid.placed.fold > 1 else 4)
        self._view.show_draft()

    def action_drawer(self) -> None:
        self.toggle_class("-drawer")

    def action_copy(self) -> None:
        copy_text(self, "; ".join(self._selectors()))

    def action_copy_command(self) -> None:
        if command := self._desk.last_command():
            copy_text(self, command)
        else:
            self.refuse("no edit has been made yet: there is no command that does it")

    # -- the file, and runs

    def action_save(self) -> None:
        self._launcher.save()

    def action_save_as(self) -> None:
        self.query_one(CopyLine).open()

    def action_run(self) -> None:
        self._launcher.ask()

    @on(WasLaunched)
    def _was_launched(self, event: WasLaunched) -> None:
        self._launcher.say(event.launched)
