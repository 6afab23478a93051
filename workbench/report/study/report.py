"""A study's report, section by section."""

from workbench.report.study.arms import effects, other_metrics, references, sensitivity
from workbench.report.study.blocks import Report
from workbench.report.study.capacity import capacity, curves, layers
from workbench.report.study.closing import cost, limits, merging
from workbench.report.study.groups import type_by_depth
from workbench.report.study.opening import design, question, repeat, verdicts
from workbench.report.study.source import Source


def study_report(source: Source) -> Report:
    """All sections, in the order in which a reader asks."""
    sections = (
        question(source),
        verdicts(source),
        design(source),
        references(source),
        effects(source),
        sensitivity(source),
        type_by_depth(source),
        capacity(source),
        other_metrics(source),
        merging(source),
        curves(source),
        layers(source),
        cost(source),
        limits(source),
        repeat(source),
    )
    name = source.results.study
    subtitle = f"{source.file.model}, {len(source.results.runs)} runs, {source.written}"
    return Report(f"Study: {name}", subtitle, tuple(section for section in sections if section))
