"""The curves of the runs that are looked at, with their legend, and the gauges of the run under the cursor."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.runs.curve_file import Shown
from tui.runs.curves import Curves, Point, smoothed
from tui.runs.row import RunRow
from tui.widgets.chart import Chart, Series
from tui.widgets.saying import say
from tui.widgets.spark import spark
from workbench.report.numbers import duration, size
from workbench.report.plain import shorten, visible

_WEIGHTS = (0.0, 0.6, 0.9, 0.98)
_NAME_CELLS = 18


@dataclass(frozen=True, slots=True)
class Drawn:
    """A run whose curve is drawn, and the sign that stands on it."""

    marker: str
    run_id: str
    name: str


class SparkLine(Static, can_focus=True):
    """It can be gone to, so that the pane can be seen in full."""


class CurvePane(Vertical):
    """Keeps the curves of the runs that are drawn; which number, on which axis and how smooth is its own."""

    ALLOW_MAXIMIZE = True
    DEFAULT_CSS = """
    CurvePane {
        & .words { height: auto; max-height: 2; color: $text-muted; }
        & #spark { height: 1; display: none; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (the name is Textual's)
        super().__init__(id=id)
        self._curves = Curves()
        self._drawn: tuple[Drawn, ...] = ()
        self._metric, self._log, self._weight = "loss", False, 0.0
        self._row: RunRow | None = None
        self._heard: dict[str, float] = {}
        self._is_behind = False  # whether curves have points that are not drawn yet
        self._said = ""

    @property
    def metric(self) -> str:
        """The number that is drawn."""
        return self._metric

    @property
    def shown(self) -> Shown:
        """What is drawn, as it was logged; the baseline is drawn last and counts once."""
        lines = [(one.run_id, one.name, self._curves.line(one.run_id, self._metric)) for one in self._drawn]
        return Shown(self._metric, tuple((run_id, name, (list(x), list(y))) for run_id, name, (x, y) in lines))

    def compose(self) -> ComposeResult:
        yield Chart(id="chart")
        yield SparkLine("", id="spark", markup=False)
        yield Static("", id="legend", classes="words", markup=False)
        yield Static("", id="gauges", classes="words", markup=False)

    def add(self, points: Iterable[tuple[str, Sequence[Point]]], heard: Iterable[tuple[str, float]]) -> None:
        """What runs have logged since, and when each logged last, in Unix seconds. It is drawn at the next look."""
        for run_id, found in points:
            self._curves.add(run_id, found)
            self._is_behind = True
        self._heard |= dict(heard)

    def name_run(self, row: RunRow | None) -> None:
        """Whose gauges are shown; its state may be another one."""
        self._row = row

    def draw(self, drawn: Sequence[Drawn]) -> None:
        """Shows these runs and no others, the last one over the others."""
        self._drawn = tuple(drawn)
        self._curves.keep(one.run_id for one in drawn)
        self._redraw()

    def catch_up(self) -> None:
        """Draws what has come since; where nothing has, the age of the newest may still be another."""
        if self._is_behind:
            self._redraw()
        elif self._row and self._row.live:
            self._say_gauges()

    def _say_gauges(self) -> None:
        row = self._row
        heard = self._heard.get(row.run_id) if row and row.live else None
        said = gauges(self._curves, row.run_id, heard and time.time() - heard) if row else ""
        if said != self._said:
            self._said = said
            say(self.query_one("#gauges", Static), said)

    def next_metric(self, by: int) -> None:
        names = self._curves.names()
        if names:
            place = names.index(self._metric) if self._metric in names else 0
            self._metric = names[(place + by) % len(names)]
            self._redraw()

    def other_axis(self) -> None:
        self._log = not self._log
        self._redraw()

    def next_smoothing(self) -> None:
        self._weight = _WEIGHTS[(_WEIGHTS.index(self._weight) + 1) % len(_WEIGHTS)]
        self._redraw()

    def _redraw(self) -> None:
        self._is_behind = False
        series = [self._series(one) for one in self._drawn]
        axis = "logarithmic" if self._log else "linear"
        smooth = f"smoothed {self._weight:g}" if self._weight else "raw"
        self.border_title = Content(f"{visible(self._metric)} · {axis} · {smooth}")
        self.query_one(Chart).draw(series, self._log, self._empty())
        texts = [f"{one.marker} {shorten(one.name, _NAME_CELLS)}" for one in self._drawn]
        say(self.query_one("#legend", Static), "  ".join(texts))
        self._say_gauges()
        self._say_spark()

    def _say_spark(self) -> None:
        """The run under the cursor in a line, where there is no room for a chart."""
        if self._row is None:
            text = ""
        else:
            values = self._curves.line(self._row.run_id, self._metric)[1]
            smooth = smoothed(values, self._weight) if self._weight else values
            text = spark(smooth, max(1, self.size.width - 2)) or self._empty()
        say(self.query_one("#spark", Static), text)

    def on_resize(self) -> None:
        self._say_spark()

    def _series(self, one: Drawn) -> Series:
        steps, values = self._curves.line(one.run_id, self._metric)
        # A copy: the curve grows while the chart still holds the line.
        return Series(one.marker, (list(steps), smoothed(values, self._weight) if self._weight else list(values)))

    def _empty(self) -> str:
        if not self._drawn:
            return "no run to draw"
        return f"no {visible(self._metric)} logged yet" + (" (m: another number)" if self._curves.names() else "")


def gauges(curves: Curves, run_id: str, age: float | None) -> str:
    """The newest of what the run and its device said, in a line; `age` in seconds, None where it is over."""
    said = {name: curves.last(run_id, name) for name in ("lr", "grad_norm", "tokens_per_s", "memory_bytes")}
    device = {
        name: curves.last(run_id, f"telemetry.{name}")
        for name in ("gpu_percent", "celsius", "watts", "cpu_cores", "rss_bytes")
    }
    parts = [
        _told(said["lr"], "lr {:.2g}"),
        _told(said["grad_norm"], "grad {:.2g}"),
        _told(said["tokens_per_s"], "{:,.0f} tok/s"),
        _bytes(said["memory_bytes"] if said["memory_bytes"] is not None else device["rss_bytes"]),
        _told(device["gpu_percent"], "GPU {:.0f} %"),
        _told(device["celsius"], "{:.0f} °C"),
        _told(device["watts"], "{:.0f} W"),
        _told(device["cpu_cores"], "CPU {:.1f} cores"),
        "" if age is None else f"{duration(max(0.0, age))} ago",
    ]
    return " · ".join(filter(None, parts))


def _told(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _bytes(value: float | None) -> str:
    return "" if value is None else size(value)
