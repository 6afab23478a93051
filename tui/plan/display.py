"""The lines around the map: its title and legend, the heading of the screen, and the status line of narrow ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from tui.plan.brush import DEFAULTS, OFF
from tui.plan.budget import settings_lines
from tui.plan.cell_text import LETTERS, Scale, Shown, short
from tui.plan.desk import Desk
from tui.plan.layer_grid import LayerGrid
from tui.plan.layers import named
from tui.widgets.scale import shade
from workbench.errors import Problem
from workbench.plan.cost import share_of_base
from workbench.plan.plan import PlannedSite
from workbench.report.numbers import count, percent
from workbench.report.plain import shorten, visible

if TYPE_CHECKING:
    from tui.plan.measured import Measured
    from workbench.plan.diff import PlanDiff

_SHADES = 6
_OPENING = 28  # cells


@dataclass(frozen=True, slots=True)
class Against:
    """A plan that the draft is compared with: what differs, and at which sites."""

    name: str
    found: "PlanDiff"

    @property
    def sites(self) -> frozenset[str]:
        return frozenset(change.site for change in self.found.changes)


def heading(desk: Desk, narrow: bool, opening: str = "") -> str:
    """`opening` is the model or plan that is being read to be shown instead, "" for none."""
    draft, plan = desk.draft, desk.draft.plan
    if opening:
        return f"{visible(plan.name)}   reading {shorten(opening, _OPENING)} …   this plan stays until then"
    state = desk.unkept or ("written" if desk.is_written else "draft kept, w writes the file")
    parts = [visible(plan.name), f"{visible(plan.model)}, {plan.map.blocks} blocks"]
    parts.append("i Inspect" if narrow else f"{count(plan.trainable_params)} trainable")
    parts += [f"{len(draft.errors)} errors" if len(draft.errors) > 1 else "1 error"] if draft.errors else []
    return "   ".join([*parts, state])


def map_title(grid: LayerGrid, against: Against | None) -> str:
    layers = grid.placed
    said = f"{layers.map.blocks} blocks × {layers.columns} modules"
    said += f", {layers.fold} in a row" if layers.fold > 1 else ""
    if against:
        said += f" — ~ {len(against.sites)} sites differ from {visible(against.name)}"
    chosen = grid.selection.said(len(grid.chosen.cells))
    return f"{said} — {chosen}" if chosen else said


def legend(grid: LayerGrid, measured: "Measured | None", methods: set[str]) -> Text:
    """What texts and colours stand for; of measured values quantity, range, unit and run."""
    shown = grid.shown
    if shown is Shown.MEASURED and measured:
        text = _with_scale(Text(f"{measured.quantity.name} "), grid.scale)
        text.append(f" {measured.quantity.unit}, {len(measured.values)} sites of {visible(measured.run.name)}")
        return text
    text = Text(f"by {shown}  ")
    if shown in (Shown.RANK, Shown.METHOD):
        text.append("".join(f"{LETTERS[name]} {name}  " for name in LETTERS if name in methods))
    return _with_scale(text, grid.scale) if shown in (Shown.RANK, Shown.PARAMS) else text


def _with_scale(text: Text, scale: Scale) -> Text:
    text.append(f"{short(scale.low)} ")
    for step in range(_SHADES):
        text.append(str(step), shade(step / (_SHADES - 1)))
    return text.append(f" {short(scale.high)}")


def selection_title(grid: LayerGrid) -> str:
    return " × ".join(named(grid.chosen.cells, grid.placed))


def brush_text(brush: str) -> str:
    return {DEFAULTS: "adapt, as the plan says", OFF: "off"}.get(brush, brush)


def in_file(problems: Sequence[Problem], path: Path) -> list[Problem]:
    """Their places without the folder of the draft's file, which the screen is about."""
    return [problem._replace(where=problem.where.replace(str(path), path.name)) for problem in problems]


def status(desk: Desk, grid: LayerGrid, sites: list[PlannedSite], memory: str) -> str:
    """One line for all that the inspector says, the first error before all; `memory` is what the device needs."""
    plan = desk.draft.plan
    if desk.draft.errors:
        return f"✗ {visible(desk.draft.errors[0].message.rpartition(': ')[2])}"  # without the names of the sites
    told = " ".join(v for label, v in settings_lines(sites, plan) if label in ("method", "rank", "base"))
    share = f"{count(plan.trainable_params)} ({percent(share_of_base(plan))})"
    return f"{selection_title(grid)}: {told} │ {share} │ {memory}"
