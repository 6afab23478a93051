"""Curves over steps: the mean over the seeds of each arm, in a band from the lowest to the highest seed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from workbench.report.figures.canvas import blank, drawing, svg_text
from workbench.report.figures.figure import Figure, csv_text
from workbench.report.figures.palette import DASHES, PAPER, colour, marker
from workbench.report.figures.words import finite, label, plain_number, several

MOST_ARMS = 6
_MOST_POINTS = 300
_MARKERS = 9  # per curve


@dataclass(frozen=True, slots=True)
class Trace:
    """What one run logged: a value for each of its steps, None where it was no number."""

    arm: str
    seed: int
    steps: tuple[int, ...]
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class _Point:
    step: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class _Curve:
    """An arm over the steps that all of its seeds have a value for: a mean of other seeds at each step would jump."""

    arm: str
    seeds: int
    points: tuple[_Point, ...]
    window: int  # steps that one point is the mean of


def curve_plot(
    name: str, title: str, traces: Sequence[Trace], *, metric: str, log: bool = False, most_points: int = _MOST_POINTS
) -> Figure:
    """Up to six arms, told apart by colour, dashes and marker. `log` is for values above 0 and else not followed.

    Longer curves are thinned to `most_points` means over equally many steps, of each seed before the band is taken.
    Raises ValueError for no traces, more than six arms, and if no arm has a step that all of its seeds share.
    """
    arms = list(dict.fromkeys(trace.arm for trace in traces))
    if len(arms) > MOST_ARMS:
        raise ValueError(f"figure '{name}': {len(arms)} arms, and no more than {MOST_ARMS} curves can be told apart")
    curves = [_curve(arm, [trace for trace in traces if trace.arm == arm], most_points) for arm in arms]
    if not any(curve.points for curve in curves):
        raise ValueError(f"figure '{name}': no steps to draw {metric} over")
    alt = _alt(curves, metric)
    logarithmic = log and all(point.low > 0 for curve in curves for point in curve.points)
    with drawing(name):
        rows = math.ceil(len(arms) / 2)
        sheet = blank(title, 3.9 + 0.2 * rows)
        axes = sheet.add_subplot()
        axes.set(xlabel=_axis(curves), ylabel=label(metric) + (" (logarithmic)" if logarithmic else ""))
        axes.grid()
        axes.set_axisbelow(True)
        for index, curve in enumerate(curves):
            _draw(axes, index, len(curves), curve)
        axes.margins(x=0.02)
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        if logarithmic:
            _logarithmic(axes)
        sheet.legend(loc="outside lower left", ncols=2, handlelength=4.5)
        svg = svg_text(sheet, alt)
    return Figure(name, title, alt, svg, _csv(curves))


def _curve(arm: str, traces: Sequence[Trace], most_points: int) -> _Curve:
    by_seed = [_numbers(trace) for trace in traces]
    steps = sorted(set.intersection(*(set(found) for found in by_seed)))
    window = max(1, math.ceil(len(steps) / most_points))
    points = []
    for start in range(0, len(steps), window):
        part = steps[start : start + window]
        means = [sum(found[step] for step in part) / len(part) for found in by_seed]
        points.append(_Point(part[-1], sum(means) / len(means), min(means), max(means)))
    return _Curve(arm, len(traces), tuple(points), window)


def _numbers(trace: Trace) -> dict[int, float]:
    pairs = zip(trace.steps, map(finite, trace.values), strict=True)
    return {step: value for step, value in pairs if value is not None}


def _draw(axes: Any, index: int, arms: int, curve: _Curve) -> None:
    steps = [point.step for point in curve.points]
    if curve.seeds > 1:
        low, high = [point.low for point in curve.points], [point.high for point in curve.points]
        axes.fill_between(steps, low, high, color=colour(index), alpha=0.15, linewidth=0, zorder=1)
    apart = max(1, len(steps) // _MARKERS)
    axes.plot(
        steps,
        [point.mean for point in curve.points],
        color=colour(index),
        linestyle=DASHES[index],
        linewidth=1.5,
        marker=marker(index),
        markevery=(apart * index // arms, apart),  # of no two curves at the same steps
        markersize=5,
        markerfacecolor=PAPER,
        label=_told(curve),
        zorder=3,
    )


def _told(curve: _Curve) -> str:
    name = label(curve.arm, 40)
    if not curve.points:
        return f"{name}: no step that all {curve.seeds} seeds share"
    return f"{name}: mean of {curve.seeds} seeds, band min–max" if curve.seeds > 1 else f"{name}: 1 seed"


def _axis(curves: Sequence[_Curve]) -> str:
    window = max(curve.window for curve in curves)
    return "step" if window == 1 else f"step (each point is a mean over {window} logged steps)"


def _logarithmic(axes: Any) -> None:
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 300 else (1,)))
    axes.yaxis.set_major_formatter(FuncFormatter(plain_number))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _alt(curves: Sequence[_Curve], metric: str) -> str:
    ends = [
        f"{label(c.arm)} ends at {c.points[-1].mean:.4g} after step {c.points[-1].step}" for c in curves if c.points
    ]
    return f"{label(metric)} over steps, mean and range over seeds of {several(len(curves), 'arm')}. {'; '.join(ends)}."


def _csv(curves: Sequence[_Curve]) -> str:
    headings = ("arm", "seeds", "step", "steps_in_mean", "mean", "low", "high")
    rows = [(c.arm, c.seeds, p.step, c.window, p.mean, p.low, p.high) for c in curves for p in c.points]
    return csv_text(headings, rows)
