"""The Runs screen: a live list, curves of what is marked, and what the run under the cursor writes or answered."""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from tui.opening import OpenSample, Pinned
from tui.patience import FIRST
from tui.runs.answers_pane import AnswersPane
from tui.runs.asking import Ask, Wish
from tui.runs.choice import MOST_MARKED, Choice
from tui.runs.curve_pane import CurvePane
from tui.runs.feed import Listing, Watched
from tui.runs.file_line import FileLine
from tui.runs.filter_line import OUTPUT, RUNS, FilterLine
from tui.runs.follower import Follower
from tui.runs.keys import KEYS
from tui.runs.messages import Asked, Fed, Unread
from tui.runs.output import Output
from tui.runs.query import ALL, parse_query
from tui.runs.row import RunRow
from tui.runs.run_dialog import RunDialog
from tui.runs.run_list import RunList
from tui.runs.stop_dialog import StopDialog
from tui.runs.tag_line import TagLine
from tui.runs.wishes import Wishes
from tui.runs.words import EMPTY, LOADING, no_match, title_of, unread
from tui.widgets.banner import LockedBanner
from tui.widgets.copying import copy_text
from tui.widgets.key_line import KeyLine
from tui.widgets.saying import say
from workbench.library.tags import tags_of
from workbench.report.plain import visible
from workbench.run.layout import Home

DRAW_SECONDS = 0.5
_WIDTHS = [(0, "-narrow"), (100, "-wide")]
_HEIGHTS = [(0, "-tiny"), (20, "-short"), (30, "-tall")]


class RunsScreen(Screen[None]):
    """Its threads read files and post batches; handlers alone change what is shown."""

    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS
    CSS_PATH = "screen.tcss"
    BINDINGS: ClassVar[list[BindingType]] = KEYS

    def __init__(self, home: Home) -> None:
        super().__init__()
        self._home = home
        self._follower, self._wishes = Follower(self, home), Wishes(self, home)
        self._listing: Listing | None = None
        self._choice, self._query, self._filter_text = Choice(), ALL, ""

    @property
    def choice(self) -> Choice:
        return self._choice

    @property
    def _current(self) -> RunRow | None:
        return self.query_one(RunList).current

    @property
    def _rows(self) -> tuple[RunRow, ...]:
        return self._listing.rows if self._listing else ()

    @property
    def _output(self) -> Output:
        return self.query_one(Output)

    @property
    def _curves(self) -> CurvePane:
        return self.query_one(CurvePane)

    def compose(self) -> ComposeResult:
        yield Static("", id="title", markup=False)
        yield LockedBanner(FIRST, "curves and output go on")
        with Container(id="top"):
            yield RunList(id="list")
            yield CurvePane(id="curves")
        yield Output(id="output")
        yield AnswersPane(self._home, id="answers")
        yield FilterLine()
        yield FileLine()
        yield TagLine()
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(RunList).focus()
        self._show_rows()
        self.set_interval(DRAW_SECONDS, self._draw_new)
        self._follower.start()

    def on_screen_suspend(self) -> None:
        self._follower.pause()

    def on_screen_resume(self) -> None:
        self._follower.go_on()

    def on_unmount(self) -> None:
        self._follower.wake()

    # -- what the threads say

    @on(Fed)
    def _fed(self, event: Fed) -> None:
        batch = event.batch
        if batch.listing is not None and batch.listing.query == self._query:
            self._listing = batch.listing
            self.query_one(LockedBanner).show(batch.listing.locked, batch.listing.retry_seconds)
            self._show_rows()
        watched = self._follower.watched
        self._curves.add([found for found in batch.points if watched.goes_on(batch.watched, found[0])], batch.heard)
        if batch.said and watched.goes_on(batch.watched, watched.output):
            self._output.add(batch.said.lines, batch.said.under_way)
        if any(point.name.startswith("eval.") for _, points in batch.points for point in points):
            self._read_answers()

    @on(Unread)
    def _unread(self, event: Unread) -> None:
        self.query_one("#title", Static).update(f"Runs: trying again, cannot be read: {visible(event.why)}")
        if self._listing is None:
            self.query_one(RunList).show((), self._choice.marks, None, unread(event.why))

    @on(Asked)
    def _asked(self, event: Asked) -> None:
        self._follower.list_now()
        self.notify(visible(event.said), severity="error" if event.refused else "information", markup=False)

    @on(Worker.StateChanged)
    def _worker_failed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self.notify(f"{event.worker.group}: {visible(str(event.worker.error))}", severity="error", markup=False)
            self._follower.failed(event.worker.group)

    # -- what is looked at

    def _show_rows(self) -> None:
        rows = self._rows
        self._choice = self._choice.among(rows)
        shown = self._listing.shown if self._listing else ()
        empty = LOADING if self._listing is None else no_match(self._filter_text, len(rows)) if rows else EMPTY
        baseline = next((row for row in rows if row.run_id == self._choice.pinned), None)
        self.query_one(RunList).show(shown, self._choice.marks, baseline, empty)
        title = title_of(rows, shown, self._filter_text) if self._listing else "Runs: reading …"
        say(self.query_one("#title", Static), title)
        self._watch()

    @on(RunList.Moved)
    def _watch(self) -> None:
        """Tells the threads what is looked at now."""
        row = self._current
        drawn = self._choice.drawn(self._rows, row)
        output = (row.run_id, row.attempt) if row else None
        before, watched = self._follower.watched, Watched(tuple(one.run_id for one in drawn), output, self._query)
        self._output.name_run(row)
        self._curves.name_run(row)
        if watched == before:
            return
        if output != before.output:
            self._output.begin()
            self._read_answers()
        self._draw()
        self._follower.watch(watched)

    def _draw(self) -> None:
        self._curves.draw(self._choice.drawn(self._rows, self._current))

    def _draw_new(self) -> None:
        """Draws what has come since, and says how old it is. A chart costs more than a line of text."""
        if not self._follower.is_paused:
            self._curves.catch_up()

    def _choose(self, choice: Choice) -> None:
        self._choice = choice
        self._show_rows()
        self._draw()  # the same runs may have other signs

    def action_mark(self) -> None:
        if row := self._current:
            if self._choice.is_full(row):
                self.notify(f"{MOST_MARKED} runs are marked: take one back first (space)", markup=False)
                return
            self._choose(self._choice.marking(row))

    def action_pin(self) -> None:
        if row := self._current:
            self._choose(self._choice.pinning(row))
            self.post_message(Pinned(self._choice.pinned))

    # -- filters

    def show_only(self, run_ids: Sequence[str]) -> None:
        """Filters the list to these runs, as a filter that is written would."""
        self._filter_text = f"run:{','.join(run_ids)}"
        self._query = parse_query(self._filter_text)
        if self.is_mounted:
            self.query_one(RunList).focus()
            self._watch()

    def action_filter(self) -> None:
        of_output = self.focused is not None and self._output in self.focused.ancestors
        line = self.query_one(FilterLine)
        line.open(OUTPUT if of_output else RUNS, self._output.wanted if of_output else self._filter_text)

    @on(FilterLine.Typed)
    def _typed(self, event: FilterLine.Typed) -> None:
        if event.target == OUTPUT:
            self._output.look_for(event.text)
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
            self._output.look_for("")
            return
        self._query, self._filter_text = ALL, ""
        self._watch()

    # -- panes

    def action_metric(self, by: int) -> None:
        self._curves.next_metric(by)
        self._choose(self._choice.comparing(self._curves.metric))

    def action_axis(self) -> None:
        self._curves.other_axis()

    def action_smooth(self) -> None:
        self._curves.next_smoothing()

    def action_tail(self) -> None:
        """Holds the output; without any run there is none, and the sample is there to be looked at."""
        if self._rows:
            self._output.hold()
        else:
            self.post_message(OpenSample())

    def action_view(self) -> None:
        self.toggle_class("-answers")
        self._read_answers()

    def action_wrong(self) -> None:
        self.query_one(AnswersPane).other_kind()
        self._read_answers()

    def _read_answers(self) -> None:
        if self.has_class("-answers"):
            self.query_one(AnswersPane).read(self._current)

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

    # -- what is asked of the run under the cursor

    def action_stop(self) -> None:
        row = self._current
        if row and row.over:
            self._wishes.ask(row, Wish(Ask.STOP))  # which is refused, with the reason
        elif row:
            self.app.push_screen(StopDialog(self._home, row.run_id, row.name), partial(self._wishes.ask, row))

    def action_open(self) -> None:
        if row := self._current:
            self.app.push_screen(RunDialog(self._home, row.run_id), partial(self._wishes.ask, row))

    def action_ask(self, wish: str) -> None:
        if row := self._current:
            self._wishes.ask(row, Wish(Ask(wish)))

    def action_clone(self) -> None:
        if row := self._current:
            self._wishes.clone(row)

    def action_tags(self) -> None:
        if row := self._current:
            self.query_one(TagLine).open(row.run_id, tags_of(self._home.run_dir(row.run_id)))

    @on(TagLine.Left)
    def _tag_line_left(self, event: TagLine.Left) -> None:
        if event.tags is not None:
            self._wishes.tag(event.run_id, event.tags)
        self.query_one(RunList).focus()

    def action_export(self) -> None:
        row, shown = self._current, self._curves.shown
        if row and shown.points:
            self.query_one(FileLine).open(shown, str(self._home.run_dir(row.run_id).path))
        else:
            self.notify("no curve to export", severity="error", markup=False)

    @on(FileLine.Left)
    def _file_line_left(self, event: FileLine.Left) -> None:
        if event.written:
            self._wishes.note(event.words)
            self.notify(visible(event.written), markup=False)
        self.query_one(RunList).focus()

    def action_copy(self) -> None:
        if row := self._current:
            copy_text(self, row.run_id)

    def action_copy_command(self) -> None:
        if row := self._current:
            copy_text(self, self._wishes.command_for(row))
