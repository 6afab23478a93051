"""Layer heat strips: one measure of every site per panel, blocks from left to right, modules below each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator

from workbench.report.figures.canvas import blank, drawing, hatched, svg_text
from workbench.report.figures.figure import Figure, csv_text
from workbench.report.figures.palette import PAPER, SOFT, ink_on
from workbench.report.figures.words import finite, label, several

_COLOURS = 48  # steps of the map: so many are drawn as shapes, more would become a picture
_MOST_PARTED = 48  # blocks; of more, lines between them would hide them
_MOST_NUMBERED = 12  # blocks; of more, a cell is too narrow for its number


@dataclass(frozen=True, slots=True)
class SiteValue:
    """One site, with the mean that stands for it; None where it was not measured."""

    block: int
    module: str
    value: float | None


@dataclass(frozen=True, slots=True)
class Strip:
    """A measure of all sites, such as `update norm`, and its unit as the colour bar says it."""

    measure: str
    unit: str
    sites: tuple[SiteValue, ...]


def layer_strips(name: str, title: str, strips: Sequence[Strip], *, blocks: int) -> Figure:
    """A panel per strip, each on its own scale of colours; what was not measured is hatched.

    Modules stand in the order of their first site. Raises ValueError for no strips, a strip without sites, and a block
    that the model does not have.
    """
    if not strips or not all(strip.sites for strip in strips):
        raise ValueError(f"figure '{name}': no site to draw")
    if any(not 0 <= site.block < blocks for strip in strips for site in strip.sites):
        raise ValueError(f"figure '{name}': a site lies outside of the {blocks} blocks")
    alt = _alt(strips, blocks)
    modules = list(dict.fromkeys(site.module for strip in strips for site in strip.sites))
    with drawing(name):
        sheet = blank(title, 0.7 + len(strips) * (0.62 + 0.23 * len(modules)))
        grid = sheet.subplots(len(strips), 1, squeeze=False, sharex=True).flatten()
        for axes, strip in zip(grid, strips, strict=True):
            _draw(sheet, axes, strip, modules, blocks)
        grid[-1].set_xlabel("block")
        svg = svg_text(sheet, alt)
    return Figure(name, title, alt, svg, _csv(strips))


def _draw(sheet: Any, axes: Any, strip: Strip, modules: list[str], blocks: int) -> None:
    values = np.full((len(modules), blocks), np.nan)
    for site in strip.sites:
        found = finite(site.value)
        values[modules.index(site.module), site.block] = np.nan if found is None else found
    hatched(axes)
    axes.set_title(label(strip.measure), loc="left")
    axes.set_yticks(range(len(modules)), [label(module, 20) for module in modules], fontsize=8)
    axes.set(xlim=(-0.5, blocks - 0.5), ylim=(len(modules) - 0.5, -0.5))
    axes.xaxis.set_major_locator(MaxNLocator(min(blocks, 16), integer=True))
    axes.tick_params(length=0, labelbottom=True)
    axes.spines[:].set_visible(False)
    if np.isnan(values).all():
        _say_nothing(axes, modules, blocks)
        return
    # One pixel per site: thousands of shapes would make the page heavy.
    image = axes.imshow(
        np.ma.masked_invalid(values),
        aspect="auto",
        interpolation="none",
        cmap=matplotlib.colormaps["cividis"].resampled(_COLOURS),
        norm=_norm(values),
    )
    if blocks <= _MOST_PARTED:
        axes.vlines(np.arange(blocks + 1) - 0.5, -0.5, len(modules) - 0.5, color=PAPER, linewidth=0.8)
    axes.hlines(np.arange(len(modules) + 1) - 0.5, -0.5, blocks - 0.5, color=PAPER, linewidth=0.8)
    bar = sheet.colorbar(image, ax=axes, fraction=0.03, pad=0.01, aspect=8 + len(modules))
    bar.set_label(label(strip.unit, 30), fontsize=8)
    bar.outline.set_visible(False)
    bar.locator = MaxNLocator(4)
    if blocks <= _MOST_NUMBERED:
        _write_numbers(axes, values, image)


def _norm(values: Any) -> Normalize:
    """From the smallest to the largest; all in the middle where they are one."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return Normalize(low, high) if low < high else Normalize(low - (abs(low) or 1.0), low + (abs(low) or 1.0))


def _write_numbers(axes: Any, values: Any, image: Any) -> None:
    for (row, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            red, green, blue, _ = image.to_rgba(value)
            ink = ink_on(float(red), float(green), float(blue))
            axes.text(column, row, f"{value:#.3g}".rstrip("."), color=ink, fontsize=7, ha="center", va="center")


def _say_nothing(axes: Any, modules: Sequence[str], blocks: int) -> None:
    axes.text(
        (blocks - 1) / 2,
        (len(modules) - 1) / 2,
        "not measured",
        color=SOFT,
        ha="center",
        va="center",
        bbox={"facecolor": "white", "edgecolor": "none"},
    )


def _alt(strips: Sequence[Strip], blocks: int) -> str:
    parts = []
    for strip in strips:
        there = [(value, site) for site in strip.sites if (value := finite(site.value)) is not None]
        if not there:
            parts.append(f"{label(strip.measure)}: not measured.")
            continue
        (low, least), (high, most) = (pick(there, key=lambda pair: pair[0]) for pick in (min, max))
        parts.append(f"{label(strip.measure)}: {low:.3g} (block {least.block} {label(least.module)}) to ")
        parts[-1] += f"{high:.3g} (block {most.block} {label(most.module)})."
    return f"Heat strips of {several(blocks, 'block')}. {' '.join(parts)}"


def _csv(strips: Sequence[Strip]) -> str:
    rows = [(strip.measure, site.block, site.module, site.value) for strip in strips for site in strip.sites]
    return csv_text(("measure", "block", "module", "value"), rows)
