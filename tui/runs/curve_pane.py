"""The curves of the runs that are looked at, with their legend, and the gauges of the run under the cursor."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.runs.curves import Curves, smoothed
from tui.widgets.chart import Chart, Series
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


class CurvePane(Vertical):
    """Draws what it is given; which number, on which axis and how smooth is its own."""

    DEFAULT_CSS = """
    CurvePane {
        & .words { height: 1; color: $text-muted; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (the name is Textual's)
        super().__init__(id=id)
        self._curves = Curves()
        self._drawn: tuple[Drawn, ...] = ()
        self._metric, self._log, self._weight = "loss", False, 0.0
        self._said = ""

    def compose(self) -> ComposeResult:
        yield Chart(id="chart")
        yield Static("", id="legend", classes="words", markup=False)
        yield Static("", id="gauges", classes="words", markup=False)

    def draw(self, curves: Curves, drawn: Sequence[Drawn]) -> None:
        """Shows these runs, the last one over the others."""
        self._curves, self._drawn = curves, tuple(drawn)
        self._redraw()

    def say(self, gauges: str) -> None:
        if gauges != self._said:
            self._said = gauges
            self.query_one("#gauges", Static).update(gauges)

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
        series = [self._series(one) for one in self._drawn]
        axis = "logarithmic" if self._log else "linear"
        smooth = f"smoothed {self._weight:g}" if self._weight else "raw"
        self.border_title = Content(f"{visible(self._metric)} · {axis} · {smooth}")
        self.query_one(Chart).draw(series, self._log, self._empty())
        texts = [f"{one.marker} {shorten(one.name, _NAME_CELLS)}" for one in self._drawn]
        legend = self.query_one("#legend", Static)
        if legend.content != (text := "  ".join(texts)):
            legend.update(text)

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
