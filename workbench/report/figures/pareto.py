"""What arms reach with their trainable parameters, and which of them nothing smaller beats."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from workbench.report.figures.canvas import blank, drawing, svg_text
from workbench.report.figures.figure import Figure, csv_text
from workbench.report.figures.palette import COLOURS, INK, PAPER, SOFT
from workbench.report.figures.point_labels import Label, Segment, write_labels
from workbench.report.figures.reach import Reach, reach_of
from workbench.report.figures.words import digits_for, finite, label, several, typeset
from workbench.report.numbers import count
from workbench.study.estimate import FEWEST_SEEDS

_MOST_LABELS = 12
_LOGARITHMIC_FROM = 5.0  # largest over smallest number of parameters
_FRONT, _BEHIND = COLOURS[0], "#8A8A8A"


@dataclass(frozen=True, slots=True)
class ParetoPoint:
    """An arm: its trainable parameters, and the mean of the metric over `n` seeds with its 95 % interval."""

    label: str
    parameters: int
    n: int
    mean: float
    low: float | None
    high: float | None
    front: bool
    baseline: bool = False

    @property
    def is_few(self) -> bool:
        return self.n < FEWEST_SEEDS

    @property
    def bounds(self) -> tuple[float, float] | None:
        low, high = finite(self.low), finite(self.high)
        return None if low is None or high is None else (low, high)

    @property
    def is_marked(self) -> bool:
        return self.front or self.baseline


@dataclass(frozen=True, slots=True)
class Level:
    """A value to compare with: that of a reference run."""

    label: str
    value: float


def pareto_plot(
    name: str,
    title: str,
    points: Sequence[ParetoPoint],
    levels: Sequence[Level] = (),
    *,
    metric: str,
    higher_is_better: bool,
) -> Figure:
    """The metric against trainable parameters; a step line along the front. Raises ValueError for no points.

    Up to twelve arms are labelled, of more the front and the baseline. A level far outside of what the arms reach is
    told at the border instead of drawn.
    """
    points = [point for point in points if finite(point.mean) is not None]
    if not points:
        raise ValueError(f"figure '{name}': no arm has a value of {metric}")
    alt = _alt(points, levels, metric)
    with drawing(name):
        sheet = blank(title, 5.2)
        axes = sheet.add_subplot()
        better = "higher" if higher_is_better else "lower"
        axes.set(xlabel="trainable parameters", ylabel=f"{label(metric)}, 95 % interval ({better} is better)")
        near, far = _sorted_levels(points, levels)
        reach = reach_of([(p.mean, p.bounds, not p.is_few) for p in points], [level.value for level in near])
        _scale(axes, points, reach)
        front = _draw_front(axes, points)
        for point in points:
            _draw_point(axes, point, reach)
        for level in near:
            axes.axhline(level.value, color=SOFT, linewidth=1, linestyle=(0, (1, 1.5)), zorder=1)
        if far:
            axes.set_title(_told(far), loc="right", fontsize=8, color=SOFT)
        sheet.legend(handles=_legend(points, near), loc="outside lower left", ncols=5)
        write_labels(sheet, axes, _labels(points, near), _drawn(points, near, front))
        svg = svg_text(sheet, alt)
    return Figure(name, title, alt, svg, _csv(points, levels))


def _sorted_levels(points: Sequence[ParetoPoint], levels: Sequence[Level]) -> tuple[list[Level], list[Level]]:
    """Those within reach of the arms, one span of their means further or less, and the others."""
    means = [point.mean for point in points]
    span = max(means) - min(means) or abs(means[0])
    known = [level for level in levels if finite(level.value) is not None]
    near = [level for level in known if min(means) - span <= level.value <= max(means) + span]
    return near, [level for level in known if level not in near]


def _scale(axes: Any, points: Sequence[ParetoPoint], reach: Reach) -> None:
    least, most = (pick(point.parameters for point in points) for pick in (min, max))
    axes.grid()
    axes.set_axisbelow(True)
    axes.set_ylim(reach.low, reach.high)
    if least > 0 and most / least >= _LOGARITHMIC_FROM:
        axes.set_xscale("log")
        edge = (most / least) ** 0.08
        axes.set_xlim(least / edge, most * edge)
        fine = (1, 2, 5) if most / least < 300 else (1,)
        axes.xaxis.set_major_locator(LogLocator(subs=fine))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        edge = 0.08 * (most - least) or 0.5 * most or 1.0
        axes.set_xlim(least - edge, most + edge)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: count(value)))


def _draw_front(axes: Any, points: Sequence[ParetoPoint]) -> list[Segment]:
    """From each arm of the front to the next larger one, what can be had is what the smaller reaches: its lines."""
    front = sorted((point.parameters, point.mean) for point in points if point.front)
    if not front:
        return []
    ends: list[tuple[float, float]] = [*front, (axes.get_xlim()[1], front[-1][1])]
    across, up = zip(*ends, strict=True)
    axes.step(across, up, where="post", color=_FRONT, linewidth=1.2, linestyle=(0, (4, 2)), zorder=2)
    lines: list[Segment] = []
    for (x, y), (next_x, next_y) in pairwise(ends):
        lines += [((x, y), (next_x, y)), ((next_x, y), (next_x, next_y))]
    return lines


def _draw_point(axes: Any, point: ParetoPoint, reach: Reach) -> None:
    tone = INK if point.baseline else _FRONT if point.front else _BEHIND
    if point.bounds:
        style = {"linestyle": (0, (1, 2)), "linewidth": 1} if point.is_few else {"linewidth": 1.3}
        low, high = max(point.bounds[0], reach.low), min(point.bounds[1], reach.high)
        axes.vlines(point.parameters, low, high, color=tone, zorder=2, **style)
    look = {"markersize": 6, "markeredgewidth": 1.3, "color": tone, "zorder": 4 + point.is_marked}
    face = PAPER if point.is_few or not point.is_marked else tone
    axes.plot(point.parameters, point.mean, "D" if point.baseline else "o", markerfacecolor=face, **look)


def _told(far: Sequence[Level]) -> str:
    digits = digits_for([level.value for level in far])
    told = (f"{label(level.label, 30)} {typeset(f'{level.value:.{digits}f}')}" for level in far)
    return f"beyond this axis: {', '.join(told)}"


def _labels(points: Sequence[ParetoPoint], near: Sequence[Level]) -> list[Label]:
    """In the order in which they take their places: levels at their right end, then arms, the marked ones first."""
    chosen = [point for point in points if len(points) <= _MOST_LABELS or point.is_marked]
    chosen.sort(key=lambda point: (not point.baseline, not point.front, -point.parameters))
    found = [Label(label(level.label, 36), None, level.value, SOFT, must=True) for level in near]
    for point in chosen:
        text = label(point.label, 36) + (" (n < 3)" if point.is_few else "")
        tone = INK if point.is_marked else SOFT
        found.append(Label(text, point.parameters, point.mean, tone, must=point.is_marked))
    return found


def _drawn(points: Sequence[ParetoPoint], near: Sequence[Level], front: Sequence[Segment]) -> list[Segment]:
    """The lines that labels keep off; a marker is a line without length."""
    markers: list[Segment] = [((p.parameters, p.mean), (p.parameters, p.mean)) for p in points]
    intervals: list[Segment] = [((p.parameters, p.bounds[0]), (p.parameters, p.bounds[1])) for p in points if p.bounds]
    levels: list[Segment] = [((None, level.value), (None, level.value)) for level in near]
    return [*markers, *intervals, *levels, *front]


def _legend(points: Sequence[ParetoPoint], near: Sequence[Level]) -> list[Line2D]:
    look: dict[str, Any] = {"linewidth": 0, "markersize": 6, "markeredgewidth": 1.3}
    handles = [
        Line2D([], [], color=_FRONT, marker="o", linestyle=(0, (4, 2)), linewidth=1.2, label="Pareto front"),
        Line2D([], [], color=_BEHIND, marker="o", markerfacecolor=PAPER, label="behind it", **look),
        Line2D([], [], color=INK, marker="D", label="baseline", **look),
    ]
    handles = handles if any(point.baseline for point in points) else handles[:2]
    if any(point.is_few for point in points):
        handles.append(Line2D([], [], color=SOFT, linestyle=(0, (1, 2)), label="n < 3: hollow, dotted interval"))
    if near:
        handles.append(Line2D([], [], color=SOFT, linestyle=(0, (1, 1.5)), label="reference"))
    return handles


def _alt(points: Sequence[ParetoPoint], levels: Sequence[Level], metric: str) -> str:
    front = [label(point.label) for point in sorted(points, key=lambda point: point.parameters) if point.front]
    text = f"{label(metric)} against trainable parameters of {several(len(points), 'arm')}."
    text += f" On the Pareto front: {', '.join(front) or '–'}."
    return text + "".join(f" Reference {label(level.label)}: {level.value:.4g}." for level in levels)


def _csv(points: Sequence[ParetoPoint], levels: Sequence[Level]) -> str:
    headings = ("arm", "trainable_params", "n", "mean", "low", "high", "front", "baseline", "reference")
    rows = [(p.label, p.parameters, p.n, p.mean, p.low, p.high, p.front, p.baseline, False) for p in points]
    return csv_text(headings, [*rows, *((v.label, None, None, v.value, None, None, None, False, True) for v in levels)])
