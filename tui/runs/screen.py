"""The Runs screen: a live list, curves of what is marked, and what the run under the cursor writes or answered."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Log, Static
from textual.worker import Worker, WorkerState, get_current_worker

from tui.runs.answers import Answers, read_answers
from tui.runs.asking import Ask, ask, command
from tui.runs.choice import MOST_MARKED, Choice
from tui.runs.curve_pane import CurvePane, gauges
from tui.runs.curves import Curves
from tui.runs.feed import Batch, ListFeed, Listing, LogFeed, Watched
from tui.runs.filter_line import OUTPUT, RUNS, FilterLine
from tui.runs.line import status_words
from tui.runs.output import Output
from tui.runs.query import ALL
from tui.runs.row import RunRow
from tui.runs.run_dialog import RunDialog
from tui.runs.run_list import RunList
from tui.runs.stop_dialog import StopDialog
from tui.runs.words import EMPTY, LOADING, no_match, title_of
from workbench.errors import WorkbenchError
from workbench.report.plain import shorten, visible
from workbench.run.layout import Home

POLL_SECONDS = 0.2  # so that nothing is drawn more than five times a second
DRAW_SECONDS = 0.5
_RETRY_SECONDS = 5.0
_WIDTHS = [(0, "-narrow"), (100, "-wide")]
_HEIGHTS = [(0, "-tiny"), (20, "-short"), (30, "-tall")]


class RunsScreen(Screen[None]):
    """Its thread reads files and posts batches; handlers alone change what is shown."""

    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS
    CSS = """
    RunsScreen {
        & #title { height: 1; padding: 0 1; background: $panel; }
        & #top { height: 2fr; layout: horizontal; }
        & #list { border: round $accent; width: 3fr; }
        & #curves { border: round $primary; width: 2fr; }
        & #output, & #answers { border: round $primary; height: 1fr; }
        & #answers { display: none; }
        & Log { overflow-x: auto; overflow-y: scroll; }
        &.-answers #answers { display: block; }
        &.-answers #output { display: none; }
        & .-maximized { height: 1fr; width: 1fr; }
        &.-narrow #top { layout: vertical; height: 1fr; }
        &.-narrow #list, &.-narrow #curves { width: 1fr; }
        &.-narrow #list { height: 1fr; }
        &.-narrow #curves { height: 10; }
        &.-narrow.-short #curves { height: 6; }
        &.-narrow.-tiny #curves { height: 5; }
        &.-narrow.-short .words, &.-tiny .words { display: none; }
        &.-short #output, &.-short #answers { height: 5; }
        &.-tiny #output, &.-tiny #answers { height: 4; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "Mark", id="runs.mark", tooltip="Draw this run's curve beside others, up to six"),
        Binding("p", "pin", "Pin", id="runs.pin", tooltip="Compare all with this run"),
        Binding(
            "slash", "filter", "Filter", id="runs.filter", tooltip="Filter the runs, or the output where the focus is"
        ),
        Binding("x", "stop", "Stop", id="runs.stop", tooltip="Stop this run; asks how"),
        Binding("enter", "open", "Open", id="runs.open", tooltip="All about this run; of a failed one, what to do"),
        Binding("v", "view", "View", id="runs.view", tooltip="Its output, or its answers to the examples"),
        Binding("P", "ask('pause')", "Pause", show=False, id="runs.pause", tooltip="Save and free the slot"),
        Binding("r", "ask('resume')", "Resume", show=False, id="runs.resume", tooltip="Go on from the checkpoint"),
        Binding("R", "ask('retry')", "Retry", show=False, id="runs.retry", tooltip="Another attempt from step 0"),
        Binding("m", "metric(1)", "Number", show=False, id="runs.metric", tooltip="Draw the next number"),
        Binding("M", "metric(-1)", "Number back", show=False, id="runs.metric_back", tooltip="Draw the number before"),
        Binding("L", "axis", "Log y", show=False, id="runs.log", tooltip="Logarithmic or linear axis"),
        Binding("s", "smooth", "Smooth", show=False, id="runs.smooth", tooltip="Smoother curves, or raw ones"),
        Binding("t", "tail", "Tail", show=False, id="runs.tail", tooltip="Hold the output still, or follow it"),
        Binding("W", "wrong", "Wrong", show=False, id="runs.wrong", tooltip="Wrong answers only, or all"),
        Binding("z", "zoom", "Zoom", show=False, id="runs.zoom", tooltip="One pane on the whole screen, or all panes"),
        Binding(
            "left_square_bracket",
            "app.focus_previous",
            "Pane before",
            show=False,
            id="runs.pane_before",
            tooltip="The pane before",
        ),
        Binding(
            "right_square_bracket",
            "app.focus_next",
            "Next pane",
            show=False,
            id="runs.pane_next",
            tooltip="The next pane",
        ),
        Binding("y", "copy", "Copy", show=False, id="runs.copy", tooltip="Copy the run's identifier"),
        Binding(
            "Y",
            "copy_command",
            "Copy command",
            show=False,
            id="runs.copy_command",
            tooltip="Copy the command of what was asked last, else of what is shown",
        ),
        Binding("escape", "back", "Back", show=False, id="runs.back", tooltip="All panes, then all runs"),
    ]

    class Fed(Message):
        """Something happened to runs. None of these may be dropped: points come once."""

        def __init__(self, batch: Batch) -> None:
            super().__init__()
            self.batch = batch

    class Unread(Message):
        """The runs could not be read; it is tried again."""

        def __init__(self, why: str) -> None:
            super().__init__()
            self.why = why

    class Asked(Message):
        """What came of a wish."""

        def __init__(self, said: str, refused: bool) -> None:
            super().__init__()
            self.said, self.refused = said, refused

    class Answered(Message):
        """The examples of a run are there."""

        def __init__(self, answers: Answers) -> None:
            super().__init__()
            self.answers = answers

    def __init__(self, home: Home) -> None:
        super().__init__()
        self._home, self._lists, self._logs = home, ListFeed(home), LogFeed(home)
        self._wake = {"lists": threading.Event(), "logs": threading.Event()}
        self._is_shown = threading.Event()
        self._listing: Listing | None = None
        self._choice, self._query, self._filter_text = Choice(), ALL, ""
        self._curves, self._watched = Curves(), Watched()
        self._wrong_only, self._last_command = False, ""
        self._heard: dict[str, float] = {}
        self._is_behind = False  # whether curves have points that are not drawn yet

    @property
    def choice(self) -> Choice:
        return self._choice

    def compose(self) -> ComposeResult:
        yield Static("", id="title", markup=False)
        with Container(id="top"):
            yield RunList(id="list")
            yield CurvePane(id="curves")
        yield Output(id="output")
        yield Log(id="answers")
        yield FilterLine()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one(RunList).focus()
        self._show_rows()
        self._is_shown.set()
        self.set_interval(DRAW_SECONDS, self._draw_new)
        self._follow("lists")
        self._follow("logs")

    def on_screen_suspend(self) -> None:
        self._is_shown.clear()

    def on_screen_resume(self) -> None:
        self._is_shown.set()
        self._wake_up()

    def on_unmount(self) -> None:
        self._wake_up()

    def _wake_up(self) -> None:
        for event in self._wake.values():
            event.set()

    def _follow(self, group: str) -> None:
        """Starts the thread of the list, or that of the logs: a store that is held keeps no curve waiting."""
        read = self._lists.read if group == "lists" else self._logs.read
        work = partial(self._read, read, self._wake[group])
        self.run_worker(work, thread=True, group=group, exclusive=True, exit_on_error=False)

    def _read(self, read: Callable[[Watched], Batch], wake: threading.Event) -> None:
        """A thread. Nothing is read while the screen is hidden; the logs wait in their files."""
        worker = get_current_worker()
        while not worker.is_cancelled:
            if self._is_shown.is_set():
                self._post_new(read)
            wake.wait(POLL_SECONDS)
            wake.clear()

    def _post_new(self, read: Callable[[Watched], Batch]) -> None:
        try:
            batch = read(self._watched)
        except (WorkbenchError, OSError) as error:
            self.post_message(self.Unread(str(error)))
            return
        if not batch.is_empty:
            self.post_message(self.Fed(batch))

    @on(Worker.StateChanged)
    def _worker_failed(self, event: Worker.StateChanged) -> None:
        if event.state is not WorkerState.ERROR:
            return
        self.notify(f"{event.worker.group}: {visible(str(event.worker.error))}", severity="error", markup=False)
        if event.worker.group in self._wake:
            self.set_timer(_RETRY_SECONDS, partial(self._follow, event.worker.group))

    @on(Unread)
    def _unread(self, event: Unread) -> None:
        self.query_one("#title", Static).update(f"Runs: cannot be read: {visible(event.why)}; trying again")

    @on(Fed)
    def _fed(self, event: Fed) -> None:
        batch = event.batch
        if batch.listing is not None and batch.listing.query == self._query:
            self._listing = batch.listing
            self._show_rows()
        for run_id, points in batch.points:
            self._curves.add(run_id, points)
        self._heard |= dict(batch.heard)
        self._is_behind = self._is_behind or bool(batch.points)
        if batch.said and batch.output == self._watched.output:
            self.query_one(Output).add(batch.said.lines, batch.said.under_way)
            self._show_output_title()
        if any(point.name.startswith("eval.") for _, points in batch.points for point in points):
            self._read_answers()

    @on(RunList.Moved)
    def _moved(self) -> None:
        self._watch()

    def _current(self) -> RunRow | None:
        return self.query_one(RunList).current

    def _rows(self) -> tuple[RunRow, ...]:
        return self._listing.rows if self._listing else ()

    def _show_rows(self) -> None:
        rows = self._rows()
        self._choice = self._choice.among(rows)
        shown = self._listing.shown if self._listing else ()
        empty = LOADING if self._listing is None else no_match(self._filter_text, len(rows)) if rows else EMPTY
        baseline = next((row for row in rows if row.run_id == self._choice.pinned), None)
        self.query_one(RunList).show(shown, self._choice.marks, baseline, empty)
        self.query_one("#title", Static).update(title_of(rows, shown, self._filter_text))
        self._watch()

    def _watch(self) -> None:
        """Tells the thread what is looked at now."""
        row = self._current()
        drawn = self._choice.drawn(self._rows(), row)
        output = (row.run_id, row.attempt) if row else None
        before, self._watched = self._watched, Watched(tuple(one.run_id for one in drawn), output, self._query)
        if self._watched == before and self.is_mounted:
            self._show_output_title()
            return
        self._curves.keep(self._watched.drawn)
        if output != before.output:
            self.query_one(Output).begin()
            self._read_answers()
        self._show_output_title()
        self._draw()
        self._wake_up()

    def _draw(self) -> None:
        self._is_behind = False
        self.query_one(CurvePane).draw(self._curves, self._choice.drawn(self._rows(), self._current()))
        self._say_gauges()

    def _draw_new(self) -> None:
        """Draws what has come since, and says how old it is. A chart costs more than a line of text."""
        if not self._is_shown.is_set():
            return
        if self._is_behind:
            self._draw()
        elif (row := self._current()) and row.live:
            self._say_gauges()

    def _say_gauges(self) -> None:
        row = self._current()
        heard = self._heard.get(row.run_id) if row and row.live else None
        self.query_one(CurvePane).say(gauges(self._curves, row.run_id, heard and time.time() - heard) if row else "")

    def _show_output_title(self) -> None:
        row, output = self._current(), self.query_one(Output)
        name = f"{shorten(row.name, 24)} · try {row.attempt} · {status_words(row)}" if row else "no run"
        output.border_title = Content(f"output · {name} · {output.state}")  # no markup: names are user text

    @on(FilterLine.Typed)
    def _typed(self, event: FilterLine.Typed) -> None:
        if event.target == OUTPUT:
            self.query_one(Output).look_for(event.text)
            self._show_output_title()
            return
        self._query, self._filter_text = event.query, event.text
        self._watch()

    @on(FilterLine.Left)
    def _left(self, event: FilterLine.Left) -> None:
        if not event.kept:
            self._clear_filter(event.target)
        self.query_one("#output-lines" if event.target == OUTPUT else "#list").focus()

    def _clear_filter(self, target: str) -> None:
        if target == OUTPUT:
            self.query_one(Output).look_for("")
            self._show_output_title()
            return
        self._query, self._filter_text = ALL, ""
        self._watch()

    def action_filter(self) -> None:
        output = self.query_one(Output)
        of_output = self.focused is not None and output in self.focused.ancestors
        line = self.query_one(FilterLine)
        line.open(OUTPUT if of_output else RUNS, output.wanted if of_output else self._filter_text)

    def action_mark(self) -> None:
        if row := self._current():
            if self._choice.is_full(row):
                self.notify(f"{MOST_MARKED} runs are marked: take one back first (space)", markup=False)
                return
            self._choose(self._choice.marking(row))

    def action_pin(self) -> None:
        if row := self._current():
            self._choose(self._choice.pinning(row))

    def _choose(self, choice: Choice) -> None:
        self._choice = choice
        self._show_rows()
        self._draw()  # the same runs may have other signs

    def action_metric(self, by: int) -> None:
        self.query_one(CurvePane).next_metric(by)

    def action_axis(self) -> None:
        self.query_one(CurvePane).other_axis()

    def action_smooth(self) -> None:
        self.query_one(CurvePane).next_smoothing()

    def action_tail(self) -> None:
        self.query_one(Output).hold()
        self._show_output_title()

    def action_view(self) -> None:
        self.toggle_class("-answers")
        self._read_answers()

    def action_wrong(self) -> None:
        self._wrong_only = not self._wrong_only
        self._read_answers()

    def _read_answers(self) -> None:
        row = self._current()
        if row and self.has_class("-answers"):
            width = max(20, self.size.width - 6)
            work = partial(self._answer, row.run_id, row.attempt, self._wrong_only, width)
            self.run_worker(work, thread=True, group="answers", exclusive=True, exit_on_error=False)

    def _answer(self, run_id: str, attempt: int, wrong_only: bool, width: int) -> None:
        answers = read_answers(self._home, run_id, attempt, wrong_only, width)
        if not get_current_worker().is_cancelled:
            self.post_message(self.Answered(answers))

    @on(Answered)
    def _show_answers(self, event: Answered) -> None:
        row = self._current()
        if row and row.run_id == event.answers.run_id:
            pane = self.query_one("#answers", Log)
            pane.border_title = Content(f"examples · {shorten(row.name, 24)} · {event.answers.heading}")
            pane.clear()
            pane.write_lines(event.answers.lines, scroll_end=False)

    def action_stop(self) -> None:
        if row := self._current():
            self.app.push_screen(StopDialog(self._home, row.run_id, row.name), partial(self._wish, row))

    def action_open(self) -> None:
        if row := self._current():
            self.app.push_screen(RunDialog(self._home, row.run_id), partial(self._wish, row))

    def action_ask(self, wish: str) -> None:
        if row := self._current():
            self._wish(row, Ask(wish))

    def _wish(self, row: RunRow, wish: Ask | None) -> None:
        if wish:
            self._last_command = command(self._home, wish, row.run_id)
            work = partial(self._ask, wish, row)
            self.run_worker(work, thread=True, group="ask", exit_on_error=False)

    def _ask(self, wish: Ask, row: RunRow) -> None:
        try:
            said, refused = f"{row.name}: {ask(self._home, wish, row.run_id)}", False
        except (WorkbenchError, OSError) as error:
            said, refused = f"{error} {getattr(error, 'hint', '')}".strip(), True
        self._lists.list_now()
        self._wake_up()
        self.post_message(self.Asked(said, refused))

    @on(Asked)
    def _asked(self, event: Asked) -> None:
        self.notify(visible(event.said), severity="error" if event.refused else "information", markup=False)

    def action_copy(self) -> None:
        if row := self._current():
            self._copy(row.run_id)

    def action_copy_command(self) -> None:
        if row := self._current():
            watched = command(self._home, "show" if row.over else "watch", row.run_id)
            self._copy(self._last_command or watched)

    def _copy(self, text: str) -> None:
        self.app.copy_to_clipboard(text)
        self.notify(f"copied: {visible(text)}", markup=False)

    def action_zoom(self) -> None:
        if self.maximized:
            self.minimize()
        elif self.focused is not None:
            self.maximize(self.focused)

    def action_back(self) -> None:
        """Out of a zoomed pane, then back to all runs, then to the list."""
        if self.maximized:
            self.minimize()
        elif self._filter_text:
            self._clear_filter(RUNS)
        else:
            self.query_one(RunList).focus()
