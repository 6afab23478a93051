"""Labels of points in a plane of data, written when everything else has its place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.report.figures.palette import SOFT
from workbench.report.figures.placing import Box, Wanted, placed

_SIZE = 8
_MARKER = 4.0  # points from its centre that nothing else should touch
_POINTS = 72  # per inch, and the pixels of the sheet

Segment = tuple[tuple[float | None, float], tuple[float | None, float]]


@dataclass(frozen=True, slots=True)
class Label:
    """A text for the point x, y of the data; without x, for a horizontal line, at its right end."""

    text: str
    x: float | None
    y: float
    tone: str
    must: bool


def write_labels(sheet: Any, axes: Any, labels: Sequence[Label], drawn: Sequence[Segment]) -> None:
    """Places the labels off each other and off the segments of the data that are drawn, in the order given.

    A segment without x goes from border to border. The layout of the sheet is fixed from here on.
    """
    sheet.draw_without_rendering()
    sheet.set_layout_engine("none")
    area = axes.get_window_extent()
    room = Box(area.x0, area.y0, area.x1, area.y1)
    texts = [_made(sheet, axes, label) for label in labels]
    wanted = [_wanted(axes, room, label, text) for label, text in zip(labels, texts, strict=True)]
    taken = [_box(axes, room, segment) for segment in drawn]
    for one, text, place in zip(wanted, texts, placed(wanted, taken, room), strict=True):
        if place is None:
            text.remove()
            continue
        # Another font is as wide at the end that is away from the point.
        left = place.box.right <= one.x
        text.set_horizontalalignment("right" if left else "left")
        text.set_position(((place.box.right if left else place.box.left) / _POINTS, place.box.bottom / _POINTS))
        if place.lined:
            _lead(sheet, axes, one, place.box)


def _made(sheet: Any, axes: Any, label: Label) -> Any:
    return axes.text(
        0, 0, label.text, transform=sheet.dpi_scale_trans, fontsize=_SIZE, color=label.tone, va="bottom", zorder=5
    )


def _wanted(axes: Any, room: Box, label: Label, text: Any) -> Wanted:
    box = text.get_window_extent()
    x, y = _placed(axes, (label.x, label.y))
    if label.x is None:
        x = room.right - box.width / 2 - 2
    return Wanted(x, y, box.width, box.height, label.must)


def _box(axes: Any, room: Box, segment: Segment) -> Box:
    (left, bottom), (right, top) = (_placed(axes, end) for end in segment)
    if segment[0][0] is None:
        return Box(room.left, bottom - 1, room.right, top + 1)
    edge = _MARKER if segment[0] == segment[1] else 1.0
    return Box(left - edge, min(bottom, top) - edge, right + edge, max(bottom, top) + edge)


def _placed(axes: Any, place: tuple[float | None, float]) -> tuple[float, float]:
    """Points from the lower left of the sheet; some x where there is none."""
    x, y = place
    across, up = axes.transData.transform((axes.get_xlim()[0] if x is None else x, y))
    return float(across), float(up)


def _lead(sheet: Any, axes: Any, one: Wanted, box: Box) -> None:
    """A thin line from the point to the nearest place of the label's border."""
    x, y = min(max(one.x, box.left), box.right), min(max(one.y, box.bottom), box.top)
    ends = ([one.x / _POINTS, x / _POINTS], [one.y / _POINTS, y / _POINTS])
    axes.plot(*ends, color=SOFT, linewidth=0.5, transform=sheet.dpi_scale_trans, zorder=1.5)
