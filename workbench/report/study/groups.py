"""Layer groups: type × depth, the sites of the baseline, and what arms reach with their parameters."""

from collections.abc import Sequence

from workbench.report.figures.curves import CurveSeries, curve_plot
from workbench.report.figures.heat import HeatCell, HeatPanel, heat_map
from workbench.report.figures.pareto import ParetoPoint, pareto_plot
from workbench.report.figures.strips import SiteValue, Strip, strip_plot
from workbench.report.study.blocks import Block, Numbers, Picture, Section, Text
from workbench.report.study.source import Source
from workbench.report.study.words import p_value, rough_interval
from workbench.report.table import Column, Table
from workbench.study.contrast_sql import contrast_sql
from workbench.study.contrasts import Answer
from workbench.study.two_way import TwoWay


def type_by_depth(source: Source) -> Section:
    """Main effects and interactions of layer type and depth, with the cells that they come from."""
    found = source.analysis.two_way
    heading = "Layer type × depth"
    if found is None:
        reason = "No change was made in each of two layer types at two depths or more, so this was not asked."
        return Section(heading, (Text(reason),))
    said = f"Averaged over the changes {', '.join(found.changes)}, each made in one layer group alone."
    cells = _answers(source, list(found.cells.values()), "cell", "The change against the baseline in each layer group.")
    effects = _answers(
        source,
        found.effects,
        "effect",
        "A main effect is the difference from the mean of all cells; an interaction (×) is what is left of a cell after "
        "both main effects. Of two layer types the second has the same numbers with the opposite sign.",
    )
    return Section(heading, (Text(said), Picture(_heat(source, found), "± half of the 95 % interval."), cells, effects))


def _answers(source: Source, answers: Sequence[Answer], what: str, note: str) -> Numbers:
    rows = tuple(
        (answer.contrast.name, str(len(answer.seeds)), rough_interval(answer.estimate), p_value(answer.p_holm))
        for answer in answers
    )
    columns = (Column(what, "left"), Column("n"), Column(f"{source.results.metric} [95 %]"), Column("p (Holm)"))
    results = source.results
    sql = "\n\n".join(
        f"-- {answer.contrast.name}\n"
        + contrast_sql(results.study, results.baseline, results.metric, answer.contrast)
        + ";"
        for answer in answers
    )
    return Numbers(Table(columns, rows), f"{note} Holm's correction is over the rows of this table.", sql)


def _heat(source: Source, found: TwoWay) -> "object":
    cells = []
    for (kind, band), answer in found.cells.items():
        estimate = answer.estimate
        half = (estimate.high - estimate.low) / 2 if estimate and estimate.high is not None and estimate.low is not None else None
        cells.append(HeatCell(kind, band, estimate.mean if estimate else None, half))
    panel = HeatPanel(", ".join(found.changes), tuple(cells))
    metric = source.results.metric
    return heat_map(
        [panel], name=f"{source.results.study}-type-by-depth", title=f"{metric}: difference to the baseline", unit=metric
    )
