"""Effect plot: the difference of every arm to the baseline with its interval, and whether that separates them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.lines import Line2D

from workbench.report.figures.canvas import blank, drawing, svg_text
from workbench.report.figures.figure import Figure, csv_text
from workbench.report.figures.palette import INK, PAPER, SOFT, colour, marker
from workbench.report.figures.reach import Reach, reach_of
from workbench.report.figures.words import finite, label, several
from workbench.study.estimate import FEWEST_SEEDS

_MANY = 60
_FILLED, _OPEN, _FEW = "separated from the baseline (Holm, 5 %)", "not separated", "n < 3: shown, not judged"
_BEYOND = "goes on beyond the axis"


@dataclass(frozen=True, slots=True)
class EffectPoint:
    """An arm's mean paired difference over `n` seeds and its 95 % interval, in the unit of the metric.

    `mean` is None without a common seed, `low` and `high` below two. Points of a `group` stand together.
    """

    label: str
    group: str
    n: int
    mean: float | None
    low: float | None
    high: float | None
    separated: bool

    @property
    def is_few(self) -> bool:
        return self.n < FEWEST_SEEDS

    @property
    def kind(self) -> str | None:
        """What the legend calls it; None for what is not drawn."""
        if finite(self.mean) is None:
            return None
        return _FEW if self.is_few else _FILLED if self.separated else _OPEN

    @property
    def bounds(self) -> tuple[float, float] | None:
        mean, low, high = finite(self.mean), finite(self.low), finite(self.high)
        return None if mean is None or low is None or high is None else (low, high)


def effect_plot(
    name: str, title: str, points: Sequence[EffectPoint], *, metric: str, baseline: str, higher_is_better: bool
) -> Figure:
    """One row per arm, groups in the order of their first arm. Raises ValueError for no arms.

    An interval several times as wide as most is cut at the border, and marked, so that the others can be read.
    """
    if not points:
        raise ValueError(f"figure '{name}': no arm to draw an effect of")
    alt = _alt(points, metric, baseline)
    with drawing(name):
        rows = _rows(points)
        pitch = 0.24 if len(points) <= _MANY else 0.165
        sheet = blank(title, 1.5 + pitch * max(len(rows), 2))
        axes = sheet.add_subplot()
        side = "right" if higher_is_better else "left"
        axes.set_xlabel(f"Δ {label(metric)} against {label(baseline)}, 95 % interval ({side} of the line is better)")
        reach = reach_of([(p.mean, p.bounds, not p.is_few) for p in points])
        _draw(axes, rows, reach, small=len(points) > _MANY)
        sheet.legend(handles=_legend(points, reach), loc="outside lower left", ncols=4)
        svg = svg_text(sheet, alt)
    return Figure(name, title, alt, svg, _csv(points))


def _rows(points: Sequence[EffectPoint]) -> list[tuple[str, EffectPoint | None, int]]:
    """Text, arm and group number of each row; groups have a heading where that says more than their arms do."""
    groups: dict[str, list[EffectPoint]] = {}
    for point in points:
        groups.setdefault(point.group, []).append(point)
    headed = 1 < len(groups) < len(points)
    rows: list[tuple[str, EffectPoint | None, int]] = []
    for index, (group, arms) in enumerate(groups.items()):
        if headed:
            rows.append((label(group), None, index))
        rows += [(label(arm.label), arm, index) for arm in arms]
    return rows


def _draw(axes: Any, rows: Sequence[tuple[str, EffectPoint | None, int]], reach: Reach, *, small: bool) -> None:
    size = 7 if small else 8.5
    axes.set(xlim=(reach.low, reach.high), ylim=(len(rows) - 0.4, -0.6))
    axes.axvline(0, color=INK, linewidth=1, zorder=1)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.set_yticks(range(len(rows)), [text for text, _, _ in rows], fontsize=size)
    axes.tick_params(axis="y", length=0, pad=7)  # arrows reach over the border
    beside = axes.get_yaxis_transform()
    axes.text(1.015, -0.7, "n", transform=beside, fontsize=size, color=SOFT, va="bottom")
    for y, ((_, point, group), tick) in enumerate(zip(rows, axes.get_yticklabels(), strict=True)):
        if point is None:
            tick.set_fontweight("bold")
            axes.axhspan(y - 0.5, y + 0.5, color="#F0F0F0", linewidth=0, zorder=0)
            continue
        axes.text(1.015, y, str(point.n), transform=beside, fontsize=size, color=SOFT, va="center")
        _draw_point(axes, y, point, group, reach, size)


def _draw_point(axes: Any, y: int, point: EffectPoint, group: int, reach: Reach, size: float) -> None:
    tone, mean = colour(group), finite(point.mean)
    if mean is None:
        axes.text(reach.low, y, "  no common seed", fontsize=size - 1, color=SOFT, va="center", style="italic")
        return
    if point.bounds is not None:
        low, high = point.bounds
        style = {"linestyle": (0, (1, 2)), "linewidth": 1} if point.is_few else {"linewidth": 1.6}
        axes.hlines(y, max(low, reach.low), min(high, reach.high), color=tone, zorder=2, **style)
        for bound, edge, sign in ((reach.low, low < reach.low, "<"), (reach.high, high > reach.high, ">")):
            if edge:
                axes.plot(bound, y, sign, color=tone, markersize=4, clip_on=False, zorder=3)
    face = tone if point.kind == _FILLED else PAPER
    axes.plot(
        mean, y, marker(group), color=tone, markerfacecolor=face, markersize=size - 1.5, markeredgewidth=1.3, zorder=4
    )
    if point.is_few:
        _say_few(axes, mean, y, reach, size)


def _say_few(axes: Any, mean: float, y: int, reach: Reach, size: float) -> None:
    left = mean > (reach.low + reach.high) / 2
    axes.annotate(
        "n < 3",
        (mean, y),
        (-7 if left else 7, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center_baseline",
        fontsize=size - 1.5,
        color=SOFT,
        bbox={"boxstyle": "square,pad=0.1", "facecolor": PAPER, "edgecolor": "none"},
        zorder=5,
    )


def _legend(points: Sequence[EffectPoint], reach: Reach) -> list[Line2D]:
    kinds = {point.kind for point in points}
    looks: dict[str, dict[str, Any]] = {
        _FILLED: {"linewidth": 1.6, "markerfacecolor": SOFT},
        _OPEN: {"linewidth": 1.6, "markerfacecolor": PAPER},
        _FEW: {"linewidth": 1, "linestyle": ":", "markerfacecolor": PAPER},
    }
    handles = [
        Line2D([], [], color=SOFT, marker="o", label=kind, **look) for kind, look in looks.items() if kind in kinds
    ]
    if any(reach.cuts(*point.bounds) for point in points if point.bounds):
        handles.append(Line2D([], [], color=SOFT, marker=">", markersize=4, label=_BEYOND))
    return handles


def _alt(points: Sequence[EffectPoint], metric: str, baseline: str) -> str:
    judged = [point for point in points if not point.is_few]
    separated = sum(point.separated for point in judged)
    few = len(points) - len(judged)
    compared = f"mean difference of {label(metric)} to {label(baseline)} with 95 % intervals"
    told = f"{separated} separated from the baseline, {len(judged) - separated} not separated"
    return f"Effect plot of {several(len(points), 'arm')}: {compared}. {told}, {few} with fewer than 3 seeds."


def _csv(points: Sequence[EffectPoint]) -> str:
    headings = ("arm", "group", "n", "delta", "low", "high", "separated")
    return csv_text(headings, [(p.label, p.group, p.n, p.mean, p.low, p.high, p.separated) for p in points])
