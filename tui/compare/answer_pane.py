"""The newest answer as rows and as a chart; before there is one, what to do."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from tui.compare.asking import Answer
from tui.compare.chart.drawing import Marks
from tui.compare.chart.layers import draw_layers
from tui.compare.chart.view import ChartView
from tui.compare.messages import Painted
from tui.compare.row_reader import RowReader
from tui.compare.row_view import RowView
from tui.compare.said import few_text, result_title
from tui.widgets.result_grid import ResultGrid
from workbench.report.plain import visible
from workbench.run.layout import Home

SOFT = 10_000
_NO_CHART = "no chart: add `-- chart: points x=COLUMN y=COLUMN` above the query"


class AnswerPane(Horizontal):
    """Rows of a query that failed or was stopped since are said to be of the query before."""

    def __init__(self, home: Home, marks: Marks, *, id: str | None = None) -> None:  # noqa: A002 (the name is Textual's)
        super().__init__(id=id)
        self._marks, self._rows = marks, RowReader(self, home)
        self._answer: Answer | None = None
        self._empty = "reading the results …"
        self._is_stale = self._is_painted = False
        self._few = ""

    def compose(self) -> ComposeResult:
        yield Static(self._empty, id="empty", markup=False)
        yield ResultGrid(id="result")
        yield ChartView(self._marks, id="chart")

    @property
    def answer(self) -> Answer | None:
        return self._answer

    @property
    def grid(self) -> ResultGrid:
        return self.query_one(ResultGrid)

    @property
    def chart(self) -> ChartView:
        return self.query_one(ChartView)

    def show(self, answer: Answer) -> None:
        self._answer, self._is_stale = answer, False
        self._few = few_text(answer.table)
        self.grid.show_table(answer.table, SOFT)
        self._show_chart()
        self._title()

    def paint_or_not(self) -> bool:
        """Paints the number under the cursor on the layers, where that is not painted yet; else shows the chart."""
        paints = self._answer is not None and not self._is_painted
        if self._answer is not None and paints:
            self._rows.paint(self._answer, *self.grid.cursor)
        else:
            self._show_chart()
        return paints

    @on(Painted)
    def _painted(self, event: Painted) -> None:
        if event.answer is not self._answer:
            event.stop()  # another answer came meanwhile
            return
        self.chart.border_title = Content(f"{visible(event.heat.number)} by layer")
        self.chart.show_drawing(lambda width, height: draw_layers(event.heat, width))
        self._is_painted = True

    @on(ResultGrid.Seen)
    def _seen(self, event: ResultGrid.Seen) -> None:
        if self._answer:
            self.app.push_screen(RowView(self._answer.table, event.row))

    @on(ResultGrid.Opened)
    def _opened(self, event: ResultGrid.Opened) -> None:
        if self._answer:
            self._rows.open_runs(self._answer, event.row)

    def _show_chart(self) -> None:
        """The result's own chart, or why it has none."""
        self._is_painted = False
        answer = self._answer
        if answer is None:
            return
        self.chart.border_title = Content(visible(answer.title))
        if answer.chart and answer.table.rows:
            self.chart.show_chart(answer.chart, answer.table.columns, answer.table.rows)
        else:
            self.chart.show_none(_NO_CHART)

    def say_empty(self, text: str) -> None:
        """What stands here as long as nothing was answered."""
        self._empty = text
        self._title()

    def say_running(self, seconds: float) -> None:
        taken = f"running, {seconds:.0f} s · esc stops"
        self.grid.border_title = Content(taken)
        if self._answer is None:
            self.query_one("#empty", Static).update(taken)

    def grow_old(self) -> None:
        """Another query was asked and gave nothing."""
        self._is_stale = True
        self._title()

    def show_all(self) -> None:
        """All rows that were fetched."""
        if self._answer:
            self.grid.show_most(len(self._answer.table.rows))
            self._title()

    def _title(self) -> None:
        if self._answer is None:
            self.query_one("#empty", Static).update(self._empty)
            return
        answer = self._answer
        title = result_title(len(answer.table.rows), self.grid.shown, answer.cut, answer.seconds) + self._few
        self.grid.border_title = Content(f"Of the query before · {title}" if self._is_stale else title)
