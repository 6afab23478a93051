"""Type × depth heat maps: what the same change does in every layer group, one panel per change."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.patches import Rectangle

from workbench.report.figures.canvas import WIDTH, blank, drawing, hatched, svg_text
from workbench.report.figures.figure import Figure, csv_text
from workbench.report.figures.palette import ink_on
from workbench.report.figures.words import digits_for, finite, label, several, typeset
from workbench.report.numbers import signed
from workbench.study.estimate import FEWEST_SEEDS

_CELL_WIDTH, _CELL_HEIGHT = 0.95, 0.58  # inches
_LINE = 0.27  # of a cell
_COLOURS = 48  # steps of the map: so many are drawn as shapes, more would become a picture


@dataclass(frozen=True, slots=True)
class HeatCell:
    """A mean difference in one layer group: `value` ± `half_width` of its 95 % interval over `n` seeds.

    `panel` is the change, `row` the layer type, `column` the band. A value of None is missing.
    """

    panel: str
    row: str
    column: str
    n: int
    value: float | None
    half_width: float | None
    separated: bool = False


def heat_map(
    name: str,
    title: str,
    cells: Sequence[HeatCell],
    *,
    value: str,
    rows: Sequence[str],
    columns: Sequence[str],
    higher_is_better: bool,
) -> Figure:
    """Panels in the order of their first cell, on one scale of colours centred on 0: orange is worse, purple better.

    A number with a star is separated from 0 (Holm). Combinations that no cell is given for are hatched like missing
    ones. Raises ValueError for no cells, and for a cell outside of `rows` and `columns`.
    """
    _check(name, cells, rows, columns)
    panels = list(dict.fromkeys(cell.panel for cell in cells))
    alt = _alt(cells, value, len(panels))
    across = min(len(panels), max(1, int((WIDTH - 1.2) / (_CELL_WIDTH * len(columns) + 0.25))))
    down = math.ceil(len(panels) / across)
    with drawing(name):
        width = min(WIDTH, max(5.4, 1.6 + across * (_CELL_WIDTH * len(columns) + 0.25)))
        sheet = blank(title, 1.5 + down * (0.55 + _CELL_HEIGHT * len(rows)), width)
        grid = sheet.subplots(down, across, squeeze=False, sharex=True, sharey=True).flatten()
        colours = _colours(cells, higher_is_better)
        for axes, panel in zip(grid, panels, strict=False):
            _draw_panel(axes, panel, cells, list(rows), list(columns), colours)
        for axes in grid[len(panels) :]:
            axes.remove()
        _add_bar(sheet, grid[: len(panels)], colours, value, higher_is_better)
        svg = svg_text(sheet, alt)
    return Figure(name, title, alt, svg, _csv(cells))


def _check(name: str, cells: Sequence[HeatCell], rows: Sequence[str], columns: Sequence[str]) -> None:
    if not cells:
        raise ValueError(f"figure '{name}': no cell to draw")
    for cell in cells:
        if cell.row not in rows or cell.column not in columns:
            raise ValueError(f"figure '{name}': cell '{cell.row} {cell.column}' is outside of the map")


def _colours(cells: Sequence[HeatCell], higher_is_better: bool) -> ScalarMappable:
    largest = max((abs(found) for cell in cells if (found := finite(cell.value)) is not None), default=0.0) or 1.0
    chosen: Colormap = matplotlib.colormaps["PuOr" if higher_is_better else "PuOr_r"].resampled(_COLOURS + 1)
    return ScalarMappable(Normalize(-largest, largest), chosen)


def _draw_panel(
    axes: Any,
    panel: str,
    cells: Sequence[HeatCell],
    rows: list[str],
    columns: list[str],
    colours: ScalarMappable,
) -> None:
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    axes.set_title(label(panel, 12 * len(columns)), loc="left")
    axes.set_xticks(range(len(columns)), [label(column, 14) for column in columns])
    axes.set_yticks(range(len(rows)), [label(row, 20) for row in rows])
    axes.tick_params(length=0, labelbottom=True)
    axes.spines[:].set_visible(False)
    hatched(axes)
    digits = digits_for([cell.value for cell in cells])
    for cell in cells:
        if cell.panel == panel and finite(cell.value) is not None:
            _draw_cell(axes, columns.index(cell.column), rows.index(cell.row), cell, colours, digits)


def _draw_cell(axes: Any, x: int, y: int, cell: HeatCell, colours: ScalarMappable, digits: int) -> None:
    value = cell.value or 0.0
    red, green, blue, _ = colours.to_rgba(value)  # type: ignore[arg-type]  # a number has one colour
    shade = (float(red), float(green), float(blue))
    axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=shade, edgecolor="white", linewidth=1.5))
    number = typeset(signed(value, digits)) + ("*" if cell.separated and cell.n >= FEWEST_SEEDS else "")
    lines = [number, *([f"± {cell.half_width:.{digits}f}"] if finite(cell.half_width) is not None else [])]
    lines += ["n < 3"] if cell.n < FEWEST_SEEDS else []
    size = 8.5 if len(lines) < 3 else 7.5
    for index, line in enumerate(lines):
        # Each line by itself: it stays in the middle in whatever font the page has.
        up = y + (index - (len(lines) - 1) / 2) * _LINE * size / 8.5
        axes.text(x, up, line, color=ink_on(*shade), ha="center", va="center", fontsize=size)


def _add_bar(sheet: Any, panels: Any, colours: ScalarMappable, value: str, higher_is_better: bool) -> None:
    bar = sheet.colorbar(colours, ax=list(panels), location="bottom", fraction=0.05, aspect=45, pad=0.03)
    left, right = ("worse", "better") if higher_is_better else ("better", "worse")
    note = "± half of the 95 % interval; * separated from 0 (Holm, 5 %); hatched: no value"
    bar.set_label(f"← {left}     {label(value)}     {right} →\n{note}")
    bar.outline.set_visible(False)


def _alt(cells: Sequence[HeatCell], value: str, panels: int) -> str:
    there = [cell for cell in cells if finite(cell.value) is not None]
    missing = len(cells) - len(there)
    text = f"Heat maps of {label(value)} by layer group, {several(panels, 'change')}: {several(len(there), 'cell')} "
    text += f"with a value, {missing} without."
    if there:
        least, most = (pick(there, key=lambda cell: cell.value or 0.0) for pick in (min, max))
        text += f" From {least.value:+.4g} ({_place(least)}) to {most.value:+.4g} ({_place(most)})."
    return text


def _place(cell: HeatCell) -> str:
    return f"{label(cell.panel)}, {label(cell.row)} {label(cell.column)}"


def _csv(cells: Sequence[HeatCell]) -> str:
    headings = ("change", "layer_type", "band", "n", "value", "half_width", "separated")
    return csv_text(headings, [(c.panel, c.row, c.column, c.n, c.value, c.half_width, c.separated) for c in cells])
