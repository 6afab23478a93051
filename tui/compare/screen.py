"""The Compare screen: lenses and SQL on what was run, results with their charts. Threads ask; messages answer."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from tui.compare.answer_pane import AnswerPane
from tui.compare.ask_line import AskLine
from tui.compare.asking import Answer, Shelf
from tui.compare.chart.drawing import UNICODE, Marks
from tui.compare.editor import SqlEditor
from tui.compare.editor_pane import EditorPane
from tui.compare.export import tsv
from tui.compare.keys import KEYS
from tui.compare.lens_list import LensList
from tui.compare.messages import Answered, Done, Looked, Painted
from tui.compare.panes import Panes
from tui.compare.parameters import Values
from tui.compare.query_runner import GROUP as QUERY
from tui.compare.query_runner import QueryRunner
from tui.compare.retries import SECONDS, Retries
from tui.compare.said import choices_text, empty_text, error_text, lonely_text, missing_value, shelf_title, words
from tui.compare.shelf_reader import ShelfReader
from tui.compare.writer import Writer
from tui.compare.writer_at_work import PATIENCE, writer_at_work
from tui.opening import OpenSample
from tui.shell.held import hold_keys
from tui.shell.in_turn import Hold
from tui.twin import command_line
from tui.widgets.banner import LockedBanner
from tui.widgets.copying import copy_text
from tui.widgets.key_line import KeyLine
from workbench.errors import LockedError, WorkbenchError
from workbench.report.plain import visible
from workbench.run.layout import Home

_TICK = 0.5
_HELD = 1.0  # seconds that keys wait for an answer, which may open a line or take the focus
_WIDE = 100
_NARROW = [(0, "-narrow"), (_WIDE, "-wide")]
_SHORT = [(0, "-tiny"), (12, "-short"), (22, "-tall")]


class CompareScreen(Screen[None]):
    """One query at a time; what stands in the editor outlives the program, and so do the queries that were run."""

    HORIZONTAL_BREAKPOINTS = _NARROW
    VERTICAL_BREAKPOINTS = _SHORT
    CSS_PATH = "screen.tcss"
    BINDINGS: ClassVar[list[BindingType]] = KEYS

    def __init__(self, home: Home, marks: Marks = UNICODE) -> None:
        super().__init__()
        self._home, self._marks = home, marks
        self._query = QueryRunner(self, home)
        self._reader, self._writer = ShelfReader(self, home), Writer(self, home)
        self._retries, self._panes = Retries(self), Panes(self)
        self._shelf = Shelf(())
        self._values: Values = {}
        self._lens: str | None = None
        self._first: str | None = None
        self._pinned: str | None = None

    @property
    def answer(self) -> Answer | None:
        return self._pane.answer

    @property
    def running(self) -> bool:
        return self._query.running

    @property
    def _pane(self) -> AnswerPane:
        return self.query_one(AnswerPane)

    @property
    def _editing(self) -> EditorPane:
        return self.query_one(EditorPane)

    @property
    def _line(self) -> AskLine:
        return self.query_one(AskLine)

    def compose(self) -> ComposeResult:
        yield Static("Compare", id="title", markup=False)
        yield LockedBanner(SECONDS, id="banner")
        with Horizontal(id="panes"):
            yield LensList(id="lenses")
            with Vertical(id="work"):
                yield EditorPane(self._home.path / "drafts", id="editing")
                yield AskLine()
                yield AnswerPane(self._home, self._marks, id="answer")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(LensList).border_title = "Lenses"
        self._panes.begin(wide=self.app.size.width >= _WIDE)
        self.set_interval(_TICK, self._tick)

    def on_screen_resume(self) -> None:
        """What was run meanwhile is taken in; not when only a row was closed."""
        self._reader.look_if_old()

    def on_unmount(self) -> None:
        """Quitting waits for no query."""
        self._query.stop()

    # -- what there is to compare

    def begin_with(self, lens: str) -> None:
        """Runs the lens of this name as soon as the lenses are known."""
        self._first = lens

    def compare_with(self, run_id: str | None) -> None:
        """The run that was pinned on Runs: where no baseline is named, it is the arm of this one."""
        self._pinned = run_id

    @on(Looked)
    def _looked(self, event: Looked) -> None:
        self._reader.looked()
        self.query_one(LockedBanner).show(event.locked)
        self.query_one(LensList).show_lenses(event.shelf.lenses)
        if event.locked:
            self._pane.say_empty("waiting for the store …")
            self._retries.later("look", self._reader.look)
            return
        self._shelf = event.shelf
        self._editing.editor.know(event.shelf.names)
        self.query_one("#title", Static).update(shelf_title(event.shelf))
        self._pane.say_empty(empty_text(event.shelf))
        if event.shelf.notice:
            self._editing.say(event.shelf.notice)
        first = next((lens for lens in event.shelf.lenses if lens.name == self._first), None)
        if first is not None:
            self._first = None
            self.post_message(LensList.Chosen(first))

    # -- a query

    @on(LensList.Chosen)
    def _lens_chosen(self, event: LensList.Chosen) -> None:
        if event.lens.problem:
            self._editing.say(event.lens.problem, problem=True)
            return
        self._editing.put(event.lens.text, keeping=self._shelf.lens_of(self._editing.editor.text) is None)
        self._panes.close_drawer()
        self._run(hold_keys(self, _HELD))

    @on(LensList.Looked)
    def _lens_looked(self, event: LensList.Looked) -> None:
        self.query_one(LensList).border_subtitle = Content(visible(event.lens.title))

    def action_run(self) -> None:
        self._run()

    def _run(self, hold: Hold | None = None) -> None:
        statement = self._editing.editor.statement
        if statement is None:
            self._editing.say("no SQL to run: write a statement, or choose a lens", problem=True)
            return
        self._editing.remember(self._editing.editor.text)
        self._editing.say("")
        self._query.run(statement, self._values, self._pinned, hold)
        self._tick()

    @on(Answered)
    def _answered(self, event: Answered) -> None:
        if not self._query.takes(event):
            return
        locked = event.answer if isinstance(event.answer, LockedError) else None
        self.query_one(LockedBanner).show(locked)
        if locked:
            self._retries.later("run", self._query.again)
        if isinstance(event.answer, WorkbenchError):
            self._pane.grow_old()
            self._editing.say(error_text(event.answer), problem=True)
            if name := missing_value(event.answer):
                self._line.ask_missing(name, self._shelf.values(name), choices_text(self._shelf))
        else:
            self._show(event.answer)

    def _show(self, answer: Answer) -> None:
        self._lens = self._shelf.lens_of(self._query.asked.text) if self._query.asked else None
        self._pane.show(answer)
        self._panes.answered(charted=self._pane.chart.has_chart)
        self._editing.show_values(answer.values)
        self._editing.say("; ".join(answer.notes) or lonely_text(self._shelf, answer.values))
        if self.focused is None:
            self._panes.focus_result()

    def _tick(self) -> None:
        """How long the query has been running, for as long as it is, and for whom it waits."""
        if self._query.running:
            self._pane.say_running(self._query.seconds)
        waited = max(self._query.seconds if self._query.running else 0, self._reader.seconds)
        if waited > PATIENCE and (writer := writer_at_work(self._home)):
            self.query_one(LockedBanner).show(writer)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """What nobody expected is said, and the screen stays."""
        if event.state is WorkerState.ERROR:
            self._reader.looked()
            if event.worker.group == QUERY:
                self._query.stop()
                self._pane.grow_old()
            self._editing.say(f"unexpected: {type(event.worker.error).__name__}: {event.worker.error}", problem=True)

    # -- what the line asks for

    def action_values(self) -> None:
        self._line.ask_values(self._values or (self.answer.values if self.answer else {}), choices_text(self._shelf))

    def action_save(self) -> None:
        self._line.ask_name()

    def action_export(self) -> None:
        if self.answer is None:
            self._editing.say("nothing to export yet", problem=True)
        else:
            self._line.ask_file()

    @on(AskLine.Chosen)
    def _chosen(self, event: AskLine.Chosen) -> None:
        self._values = event.values
        self._line.close()
        self.set_focus(None)  # the answer will have it
        if self._editing.editor.statement:
            self._run(hold_keys(self, _HELD))

    @on(AskLine.Named)
    def _named(self, event: AskLine.Named) -> None:
        if statement := self._editing.editor.statement:
            self._writer.save_lens(event.name, statement.text)
        else:
            self._line.say("no SQL to save")

    @on(AskLine.Placed)
    def _placed(self, event: AskLine.Placed) -> None:
        if self.answer:
            self._writer.export(self.answer, event.path)

    @on(Done)
    def _done(self, event: Done) -> None:
        if event.problem and self._line.is_open:
            self._line.say(event.said)
        elif event.problem:
            self._editing.say(event.said, problem=True)
        else:
            self._close_line()
            self.notify(visible(event.said), markup=False)
            self._reader.look()

    @on(AskLine.Left)
    def _close_line(self) -> None:
        self._line.close()
        self._panes.focus_result()

    # -- the result

    def action_heat(self) -> None:
        if self.answer is None or not self.answer.table.rows:
            self._editing.say("no result to paint yet", problem=True)
        elif not self._pane.paint_or_not():
            self._panes.answered(charted=self._pane.chart.has_chart)

    @on(Painted)
    def _painted(self) -> None:
        self._panes.show_chart()

    def action_sample(self) -> None:
        self.post_message(OpenSample())

    def action_all_rows(self) -> None:
        self._pane.show_all()

    def action_copy(self) -> None:
        if self.answer is None:
            self._editing.say("nothing to copy yet", problem=True)
            return
        copy_text(self, *tsv(self.answer))

    def action_copy_command(self) -> None:
        if self.answer is None:
            self._editing.say("nothing to repeat yet", problem=True)
            return
        copy_text(self, command_line(self._home, words(self.answer, self._lens)))

    # -- panes

    @on(SqlEditor.Left)
    def _left_editor(self) -> None:
        if self._query.running:
            self.action_back()
        else:
            self._panes.focus_result()

    def action_edit(self) -> None:
        self._panes.edit()

    def action_editor(self) -> None:
        self._editing.edit_outside()

    def action_chart(self) -> None:
        if self.answer is None:
            self._editing.say("no result to draw yet", problem=True)
        else:
            self._panes.chart()

    def action_zoom(self) -> None:
        self._panes.zoom()

    def action_drawer(self) -> None:
        self._panes.drawer()

    def action_back(self) -> None:
        """Stops the query; else closes what was opened last."""
        if self._query.running or self._retries.are_waiting:
            self._give_up()
        else:
            self._panes.back()

    def _give_up(self) -> None:
        if self._retries.give_up():
            self.query_one(LockedBanner).show(None)
        if self._query.stop():
            self._editing.say("stopped before there was an answer")
            self._pane.grow_old()
