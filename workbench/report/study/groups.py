"""Layer groups: what a change does by type and depth, and what it does on average."""

from collections.abc import Sequence

from workbench.report.figures.figure import Figure
from workbench.report.figures.heat import HeatCell, heat_map
from workbench.report.study.blocks import Block, Numbers, Picture, Section, Text
from workbench.report.study.queries import contrast_queries
from workbench.report.study.source import Source
from workbench.report.study.words import p_value, rough_interval
from workbench.report.table import Column, Table
from workbench.study.arm_effects import ArmEffect, Standing
from workbench.study.contrasts import Answer

_TYPES, _BANDS = ("attention", "mlp", "all"), ("lower", "middle", "upper", "all")
_CELLS = "The change against the baseline in each layer group."
_EFFECTS = (
    "A main effect is the difference from the mean of all cells; an interaction (×) is what is left of a cell after "
    "both main effects. Of two layer types the second has the same numbers with the opposite sign."
)


def type_by_depth(source: Source) -> Section:
    """Heat maps of every change, then main effects and interactions of layer type and depth, and their cells."""
    blocks: list[Block] = []
    if cells := _cells(source.analysis.judged_effects):
        blocks.append(Picture(_heat(source, cells), "Mean differences to the baseline ± half of the 95 % interval."))
    found = source.analysis.two_way
    if found is None:
        reason = "No change was made in each of two layer types at two depths or more: effects of both were not asked."
        return Section("Layer type × depth", (*blocks, Text(reason)))
    said = f"Averaged over the changes {'; '.join(found.changes)}, each made in one layer group alone:"
    cells_of = _answers(source, list(found.cells.values()), "cell", _CELLS)
    effects = _answers(source, found.effects, "effect", _EFFECTS)
    return Section("Layer type × depth", (*blocks, Text(said), cells_of, effects))


def _cells(effects: Sequence[ArmEffect]) -> list[HeatCell]:
    found = []
    for effect in effects:
        arm, delta = effect.outcome, effect.delta
        if not (arm.change and arm.layer_type in _TYPES and arm.band in _BANDS and delta):
            continue
        half = None if delta.high is None or delta.low is None else (delta.high - delta.low) / 2
        separated = effect.standing in (Standing.BETTER, Standing.WORSE)
        found.append(HeatCell(arm.change, arm.layer_type, arm.band, delta.n, delta.mean, half, separated))
    return found


def _heat(source: Source, cells: Sequence[HeatCell]) -> Figure:
    metric = source.results.metric
    return heat_map(
        f"{source.results.study}-type-by-depth",
        f"{metric}: difference to the baseline by layer type and depth",
        cells,
        value=metric,
        rows=[kind for kind in _TYPES if any(cell.row == kind for cell in cells)],
        columns=[band for band in _BANDS if any(cell.column == band for cell in cells)],
        higher_is_better=source.analysis.outcomes.higher_is_better,
    )


def _answers(source: Source, answers: Sequence[Answer], what: str, note: str) -> Numbers:
    rows = tuple(
        (answer.contrast.name, str(len(answer.seeds)), rough_interval(answer.estimate), p_value(answer.p_holm))
        for answer in answers
    )
    columns = (Column(what, "left"), Column("n"), Column(f"{source.results.metric} [95 %]"), Column("p (Holm)"))
    sql = contrast_queries(source, [answer.contrast for answer in answers])
    return Numbers(Table(columns, rows), f"{note} Holm's correction is over the rows of this table.", sql)
