"""The Compare screen: lenses and SQL on what was run, results with their charts. Threads ask; messages answer."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer, Static
from textual.worker import Worker, WorkerState

from store.stopping import QueryStoppedError, Stop
from tui.compare import asking
from tui.compare.ask_line import AskLine
from tui.compare.asking import Answer, LensEntry, Shelf
from tui.compare.chart.drawing import UNICODE, Marks
from tui.compare.chart.view import ChartView
from tui.compare.editor import SqlEditor
from tui.compare.export import export, tsv
from tui.compare.history import History
from tui.compare.lens_list import LensList
from tui.compare.parameters import Values, read_values, values_text
from tui.compare.row_view import RowView
from tui.compare.said import (
    choices_text,
    command,
    empty_text,
    error_text,
    result_title,
    shelf_title,
    sql_title,
)
from tui.compare.statements import Statement
from tui.widgets.result_grid import ResultGrid
from workbench import atomic
from workbench.errors import LockedError, WorkbenchError
from workbench.report.plain import visible
from workbench.run.layout import Home

SOFT = 10_000
SECONDS = 60.0
RETRY = 2.0
_SAVE_AFTER = 0.4  # seconds without a key until the draft is written
_TICK = 0.5
_FRESH = 2.0  # seconds for which the names of tables, studies and metrics are taken as they were read
_WIDE = 100
_NARROW = [(0, "-narrow"), (_WIDE, "-wide")]
_SHORT = [(0, "-tiny"), (12, "-short"), (22, "-tall")]


class CompareScreen(Screen[None]):
    """One query at a time; what stands in the editor outlives the program, and so do the queries that were run."""

    HORIZONTAL_BREAKPOINTS = _NARROW
    VERTICAL_BREAKPOINTS = _SHORT
    CSS_PATH = "screen.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f5,alt+enter,ctrl+j", "run", "Run", id="compare.run", tooltip="Run the statement under the cursor"),
        Binding("s", "edit", "SQL", id="compare.edit", tooltip="Go to the editor; escape leaves it"),
        Binding("p", "values", "Values", id="compare.values", tooltip="Choose study, metric, baseline and group"),
        Binding("v", "chart", "Chart", id="compare.chart", tooltip="The chart alone, or back to the rows"),
        Binding("w", "export", "Export", id="compare.export", tooltip="Write CSV, Markdown, Parquet, or the chart"),
        Binding("S", "save", "Save lens", show=False, id="compare.save", tooltip="Keep the statement as a lens"),
        Binding("y", "copy", "Copy", show=False, id="compare.copy", tooltip="Copy the rows, with tabs between values"),
        Binding(
            "Y", "copy_command", "Copy command", show=False, id="compare.command", tooltip="Copy what repeats this"
        ),
        Binding("L", "all_rows", "All rows", show=False, id="compare.all", tooltip="Show all rows that were fetched"),
        Binding("z", "zoom", "Zoom", show=False, id="compare.zoom", tooltip="The result alone, or all panes"),
        Binding("i", "drawer", "List", id="compare.lenses", tooltip="The list of lenses; it opens on a narrow screen"),
        Binding("escape", "back", "Back", show=False, id="compare.back", tooltip="Stop the query; one level back"),
    ]

    class Looked(Message):
        """The lenses and names of the results."""

        def __init__(self, shelf: Shelf, locked: LockedError | None = None) -> None:
            super().__init__()
            self.shelf, self.locked = shelf, locked

    class Answered(Message):
        """What the query of that number gave, or how it failed."""

        def __init__(self, number: int, answer: Answer | WorkbenchError) -> None:
            super().__init__()
            self.number, self.answer = number, answer

    class Done(Message):
        """A file was written; or it was not, and `said` is why."""

        def __init__(self, said: str, problem: bool) -> None:
            super().__init__()
            self.said, self.problem = said, problem

    def __init__(self, home: Home, marks: Marks = UNICODE) -> None:
        super().__init__()
        self._home, self._marks = home, marks
        self._draft = home.path / "drafts" / "compare.sql"
        self._history = History(home.path / "drafts" / "sql.jsonl")
        self._shelf = Shelf(())
        self._answer: Answer | None = None
        self._values: Values = {}
        self._number = 0
        self._stop: Stop | None = None
        self._asked: Statement | None = None
        self._lens: str | None = None
        self._begun = 0.0
        self._retries: dict[str, Timer] = {}
        self._saving: Timer | None = None
        self._text = self._saved = ""
        self._stale = False
        self._looked_at = float("-inf")

    @property
    def answer(self) -> Answer | None:
        return self._answer

    @property
    def running(self) -> bool:
        return self._stop is not None

    def compose(self) -> ComposeResult:
        yield Static("Compare", id="title", markup=False)
        yield Static("", id="banner", markup=False)
        with Horizontal(id="panes"):
            yield LensList(id="lenses")
            with Vertical(id="work"):
                yield SqlEditor(self._read_draft(), id="sql")
                yield Static("", id="says", markup=False)
                yield AskLine()
                with Horizontal(id="answer"):
                    yield Static("reading the results …", id="empty", markup=False)
                    yield ResultGrid(id="result")
                    yield ChartView(self._marks, id="chart")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one(LensList).border_title = "Lenses"
        self.query_one(SqlEditor).border_title = sql_title({})
        self.query_one(ResultGrid).border_title = "Result"
        self.set_class(self.app.size.width < _WIDE, "-drawer")
        self.query_one(LensList).focus()
        self.set_interval(_TICK, self._tick)
        try:
            self._history = History.read(self._history.path)
        except OSError as error:
            self._tell(f"the history cannot be read: {error.strerror}", problem=True)

    def on_screen_resume(self) -> None:
        """What was run meanwhile is taken in; not when only a row was closed."""
        if time.monotonic() - self._looked_at > _FRESH:
            self._look()

    def on_unmount(self) -> None:
        """Quitting waits for no query, and loses nothing that was typed."""
        if self._stop:
            self._stop.now()
        self._save_draft()

    # -- what there is to compare

    def _look(self) -> None:
        self._looked_at = time.monotonic()
        self.run_worker(self._look_in_thread, thread=True, group="look", exit_on_error=False)

    def _look_in_thread(self) -> None:
        try:
            self.post_message(self.Looked(asking.look(self._home)))
        except LockedError as error:
            self.post_message(self.Looked(asking.only_lenses(self._home), error))
        except WorkbenchError as error:
            self.post_message(self.Looked(asking.only_lenses(self._home)))
            self.post_message(self.Done(error_text(error), problem=True))

    @on(Looked)
    def _looked(self, event: Looked) -> None:
        self._banner(event.locked)
        self.query_one(LensList).show_lenses(event.shelf.lenses)
        if event.locked:
            self._again(self._look)
            return
        self._shelf = event.shelf
        self.query_one(SqlEditor).know(event.shelf.names)
        self.query_one("#title", Static).update(shelf_title(event.shelf))
        self.query_one("#empty", Static).update(empty_text(event.shelf))
        if event.shelf.notice:
            self._tell(event.shelf.notice)

    def _banner(self, locked: LockedError | None) -> None:
        banner = self.query_one("#banner", Static)
        banner.set_class(locked is not None, "-shown")
        if locked:
            banner.update(f"{visible(locked.title)}. Trying again every {RETRY:g} s; nothing is lost.")

    def _again(self, what: Callable[[], None]) -> None:
        """Once more in a while, unless escape is pressed before; each thing waits for itself alone."""
        if (waiting := self._retries.pop(what.__name__, None)) is not None:
            waiting.stop()
        self._retries[what.__name__] = self.set_timer(RETRY, partial(self._now, what))

    def _now(self, what: Callable[[], None]) -> None:
        self._retries.pop(what.__name__, None)
        what()

    # -- a query

    @on(LensList.Chosen)
    def _lens_chosen(self, event: LensList.Chosen) -> None:
        if event.lens.problem:
            self._tell(event.lens.problem, problem=True)
            return
        editor = self.query_one(SqlEditor)
        if self._lens_of(editor.text) is None:
            self._remember(editor.text)
        editor.put(event.lens.text)
        if self.has_class("-drawer"):
            self.action_drawer()
        self.action_run()

    @on(LensList.Looked)
    def _lens_looked(self, event: LensList.Looked) -> None:
        self.query_one(LensList).border_subtitle = Text(visible(event.lens.title))

    def action_run(self) -> None:
        statement = self.query_one(SqlEditor).statement
        if statement is None:
            self._tell("no SQL to run: write a statement, or choose a lens", problem=True)
            return
        self._remember(self.query_one(SqlEditor).text)
        self._run(statement)

    def _run_again(self) -> None:
        if self._asked is not None:
            self._run(self._asked)

    def _run(self, statement: Statement) -> None:
        self._asked = statement
        if self._stop:
            self._stop.now()
        self._number += 1
        self._stop, self._begun = Stop(), time.monotonic()
        self._tell("")
        self._tick()
        ask = partial(self._ask_in_thread, self._number, statement.padded, dict(self._values), self._stop)
        self.run_worker(ask, thread=True, group="ask", exit_on_error=False)

    def _ask_in_thread(self, number: int, text: str, values: Values, stop: Stop) -> None:
        try:
            self.post_message(self.Answered(number, asking.ask(self._home, text, values, stop, SECONDS)))
        except QueryStoppedError:
            return  # whoever stopped it has said so
        except WorkbenchError as error:
            self.post_message(self.Answered(number, error))

    @on(Answered)
    def _answered(self, event: Answered) -> None:
        if event.number != self._number or self._stop is None:
            return
        self._stop = None
        locked = event.answer if isinstance(event.answer, LockedError) else None
        self._banner(locked)
        if locked:
            self._again(self._run_again)
        if isinstance(event.answer, WorkbenchError):
            self._stale = True
            self._title_result()
            self._tell(error_text(event.answer), problem=True)
        else:
            self._lens = self._lens_of(self._asked.text) if self._asked else None
            self._show(event.answer)

    def _show(self, answer: Answer) -> None:
        self._answer, self._stale = answer, False
        self.add_class("-answered")
        self.query_one(ResultGrid).show_table(answer.table, SOFT)
        self.query_one(SqlEditor).border_title = Text(sql_title(answer.values))
        chart = self.query_one(ChartView)
        chart.border_title = Text(visible(answer.title))
        if answer.chart and answer.table.rows:
            chart.show_chart(answer.chart, answer.table.columns, answer.table.rows)
        else:
            chart.show_none("no chart: add `-- chart: points x=COLUMN y=COLUMN` above the query")
        self.set_class(chart.has_chart, "-charted")
        self._title_result()
        self._tell("; ".join(answer.notes))

    def _title_result(self) -> None:
        grid = self.query_one(ResultGrid)
        if self._answer is None:
            self.query_one("#empty", Static).update(empty_text(self._shelf))
            return
        answer = self._answer
        title = result_title(len(answer.table.rows), grid.shown, answer.cut, answer.seconds)
        grid.border_title = Text(f"Of the query before · {title}" if self._stale else title)

    def _tick(self) -> None:
        """How long the query has been running, for as long as it is."""
        if self._stop:
            taken = f"running, {time.monotonic() - self._begun:.0f} s · esc stops"
            self.query_one(ResultGrid).border_title = Text(taken)
            if self._answer is None:
                self.query_one("#empty", Static).update(taken)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """What nobody expected is said, and the screen stays."""
        if event.state is WorkerState.ERROR:
            if event.worker.group == "ask":
                self._stop, self._stale = None, True
                self._title_result()
            self._tell(f"unexpected: {type(event.worker.error).__name__}: {event.worker.error}", problem=True)

    # -- the editor

    @on(SqlEditor.Changed)
    def _typed(self, event: SqlEditor.Changed) -> None:
        self._text = event.text_area.text
        if self._saving is not None:
            self._saving.stop()
        self._saving = self.set_timer(_SAVE_AFTER, self._save_draft)

    @on(SqlEditor.Left)
    def _left_editor(self) -> None:
        if self._stop:
            self.action_back()
        else:
            self._focus_result()

    @on(SqlEditor.Turned)
    def _turned(self, event: SqlEditor.Turned) -> None:
        editor = self.query_one(SqlEditor)
        try:
            text = self._history.older(editor.text) if event.steps < 0 else self._history.newer()
        except OSError as error:
            self._tell(f"the history cannot be written: {error.strerror}", problem=True)
            return
        if text is not None:
            editor.put(text)

    def _remember(self, text: str) -> None:
        try:
            self._history.add(text)
        except OSError as error:
            self._tell(f"the history cannot be written: {error.strerror}", problem=True)

    def _read_draft(self) -> str:
        try:
            self._text = self._draft.read_bytes().decode("utf-8", "replace")
        except OSError:
            self._text = ""
        self._saved = self._text
        return self._text

    def _save_draft(self) -> None:
        if self._text == self._saved:
            return
        try:
            self._draft.parent.mkdir(parents=True, exist_ok=True)
            atomic.write_text(self._draft, self._text)
            self._saved = self._text
        except OSError as error:
            self._tell(f"what is in the editor cannot be kept: {error.strerror}", problem=True)

    # -- what the line asks for

    def action_values(self) -> None:
        given = self._values or (self._answer.values if self._answer else {})
        self.query_one(AskLine).open("values", values_text(given), choices_text(self._shelf))

    def action_save(self) -> None:
        self.query_one(AskLine).open("save", "", "the name of the lens; one that ends in ! replaces a lens of yours")

    def action_export(self) -> None:
        if self._answer is None:
            self._tell("nothing to export yet", problem=True)
            return
        hint = "a file that ends in .csv, .md, .parquet, or .svg for the chart; one that ends in ! is replaced"
        self.query_one(AskLine).open("export", str(Path("result.csv")), hint)

    @on(AskLine.Entered)
    def _entered(self, event: AskLine.Entered) -> None:
        if event.what == "values":
            self._take_values(event.text)
            return
        answer, statement = self._answer, self.query_one(SqlEditor).statement
        if event.what == "export" and answer:
            self._write(partial(export, answer, event.text))
        elif statement is None:
            self.query_one(AskLine).say("no SQL to save")
        else:
            self._write(partial(asking.save, self._home, event.text, statement.text))

    def _take_values(self, text: str) -> None:
        read = read_values(text)
        if read.error:
            self.query_one(AskLine).say(read.error)
            return
        self._values = read.values
        self._close_line()
        if self.query_one(SqlEditor).statement:
            self.action_run()

    def _write(self, write: "partial[str]") -> None:
        def in_thread() -> None:
            try:
                self.post_message(self.Done(write(), problem=False))
            except WorkbenchError as error:
                self.post_message(self.Done(error_text(error), problem=True))

        self.run_worker(in_thread, thread=True, group="write", exit_on_error=False)

    @on(Done)
    def _done(self, event: Done) -> None:
        line = self.query_one(AskLine)
        if event.problem and line.has_class("-open"):
            line.say(event.said)
        elif event.problem:
            self._tell(event.said, problem=True)
        else:
            self._close_line()
            self.notify(visible(event.said), markup=False)
            self._look()

    @on(AskLine.Left)
    def _left_line(self) -> None:
        self._close_line()

    def _close_line(self) -> None:
        self.query_one(AskLine).close()
        self._focus_result()

    # -- the result

    @on(ResultGrid.Opened)
    def _opened(self, event: ResultGrid.Opened) -> None:
        if self._answer:
            self.app.push_screen(RowView(self._answer.table, event.row))

    def action_all_rows(self) -> None:
        if self._answer:
            self.query_one(ResultGrid).show_most(len(self._answer.table.rows))
            self._title_result()

    def action_copy(self) -> None:
        if self._answer is None:
            self._tell("nothing to copy yet", problem=True)
            return
        text, rows = tsv(self._answer)
        self.app.copy_to_clipboard(text)
        total = len(self._answer.table.rows)
        beyond = "" if rows == total else f" of {total:,}: no more fit a terminal's clipboard; w writes all"
        self.notify(f"copied {rows:,} rows{beyond}", markup=False)

    def action_copy_command(self) -> None:
        if self._answer is None:
            self._tell("nothing to repeat yet", problem=True)
            return
        text = command(self._answer, self._lens)
        self.app.copy_to_clipboard(text)
        self.notify(f"copied: {visible(text[:200])}", markup=False)

    def _lens_of(self, text: str) -> str | None:
        """The lens whose text this is, unchanged."""
        lenses: list[LensEntry] = [lens for lens in self._shelf.lenses if lens.text == text]
        return lenses[0].name if lenses else None

    # -- panes

    def action_edit(self) -> None:
        self.remove_class("-zoomed", "-chart-alone", "-drawer")
        self.add_class("-editing")
        self.query_one(SqlEditor).focus()

    def action_chart(self) -> None:
        if self._answer is None:
            self._tell("no result to draw yet", problem=True)
            return
        alone = not self.has_class("-chart-alone")
        self.set_class(alone, "-chart-alone")
        (self.query_one(ChartView) if alone else self.query_one(ResultGrid)).focus()

    def action_zoom(self) -> None:
        self.toggle_class("-zoomed")
        self._focus_result()

    def action_drawer(self) -> None:
        self.toggle_class("-drawer")
        if self.has_class("-drawer") or self.has_class("-wide"):
            self.query_one(LensList).focus()
        else:
            self._focus_result()

    def action_back(self) -> None:
        """Stops the query; else closes what was opened last."""
        if self._stop or self._retries:
            self._give_up()
        elif self.has_class("-drawer"):
            self.action_drawer()
        else:
            self.remove_class("-zoomed", "-chart-alone")
            self._focus_result()

    def _give_up(self) -> None:
        for waiting in self._retries.values():
            waiting.stop()
        if self._retries:
            self._retries.clear()
            self._banner(None)
        if self._stop:
            self._stop.now()
            self._stop = None
            self._stale = True
            self._tell("stopped before there was an answer")
        self._title_result()

    def _focus_result(self) -> None:
        self.remove_class("-editing")
        if self.has_class("-chart-alone"):
            self.query_one(ChartView).focus()
        elif self.has_class("-answered"):
            self.query_one(ResultGrid).focus()
        elif self.has_class("-wide"):
            self.query_one(LensList).focus()
        else:
            self.set_focus(None)

    def _tell(self, text: str, problem: bool = False) -> None:
        """What stands under the editor: an error in its own words, or notes on the result."""
        says = self.query_one("#says", Static)
        says.update(text)
        says.set_class(bool(text), "-shown")
        says.set_class(problem, "-problem")
