"""What arms reach with their parameters, how they got there, and what the baseline's sites did."""

from workbench.report.figures.curves import Trace, curve_plot
from workbench.report.figures.pareto import Level, ParetoPoint, pareto_plot
from workbench.report.figures.strips import SiteValue, Strip, layer_strips
from workbench.report.study.blocks import Block, Picture, Section, Text
from workbench.report.study.closing import lens_numbers
from workbench.report.study.source import Source
from workbench.report.study.words import short_names

_MEASURES = (
    ("update norm", "‖ΔW‖ (Frobenius)", "update_norm"),
    ("effective rank", "directions", "effective_rank"),
    ("quantization error", "‖W − Ŵ‖ / ‖W‖", "quant_error"),
)


def capacity(source: Source) -> Section:
    """The metric against trainable parameters, as it is and as the lens gives it."""
    found = source.lenses["loss-against-trainable-parameters"]
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    metric = source.results.metric
    base = source.results.baseline
    labels = short_names([row["arm"] for row in rows if not row["reference"] and row["arm"] != base])
    points = [
        ParetoPoint(
            label=labels.get(row["arm"], base),
            parameters=row["trainable_params"] or 0,
            n=row["n"],
            mean=row["mean"],
            low=row["low"],
            high=row["high"],
            front=bool(row["front"]),
            baseline=row["arm"] == base,
        )
        for row in rows
        if not row["reference"]
    ]
    blocks: list[Block] = []
    if points:
        levels = [Level(row["arm"], row["mean"]) for row in rows if row["reference"]]
        figure = pareto_plot(
            f"{source.results.study}-capacity",
            f"{metric} against trainable parameters",
            points,
            levels,
            metric=metric,
            higher_is_better=source.analysis.outcomes.higher_is_better,
        )
        blocks.append(Picture(figure, "An arm is on the front when no trained arm with as few parameters is as good."))
    note = "The front goes by means alone; whether two arms differ is in the tables of arms."
    return Section(
        f"{metric} against trainable parameters",
        (*blocks, lens_numbers(found, note, leave_out=("higher_is_better", "reference"))),
    )


def curves(source: Source) -> Section:
    """The training loss of the baseline and of the arms that differ most from it."""
    if not source.curves:
        return Section("Curves", (Text("No training loss was logged."),))
    base = source.results.baseline
    labels = short_names(list(dict.fromkeys(curve.arm for curve in source.curves if curve.arm != base)))
    traces = [Trace(labels.get(curve.arm, base), curve.seed, curve.steps, curve.values) for curve in source.curves]
    figure = curve_plot(f"{source.results.study}-curves", "Training loss", traces, metric="loss", log=True)
    note = (
        "The baseline and the arms that differ most from it in the study's metric: means over seeds in a band from the "
        "lowest seed to the highest. The training loss is of batches, not of the evaluation data."
    )
    return Section("Curves", (Picture(figure, note),))


def layers(source: Source) -> Section:
    """What training changed at the sites of the baseline, and what quantization had done to them."""
    strips = []
    for measure, unit, attribute in _MEASURES:
        sites = tuple(SiteValue(site.block, site.module, getattr(site, attribute)) for site in source.sites)
        if any(site.value is not None for site in sites):
            strips.append(Strip(measure, unit, sites))
    if not strips:
        return Section("Layers of the baseline", (Text("Nothing was measured at the sites."),))
    blocks = max(site.block for site in source.sites) + 1
    title = "Sites of the baseline after training"
    figure = layer_strips(f"{source.results.study}-layers", title, strips, blocks=blocks)
    return Section("Layers of the baseline", (Picture(figure, "Means over the seeds of the baseline."),))
