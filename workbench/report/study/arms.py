"""The arms of a study against its baseline: tables of effects, of sensitivity, of other metrics."""

from collections.abc import Sequence

from store.study_results import EFFECTS, VALUES, sql_of
from workbench.report.figures.effects import EffectPoint, effect_plot
from workbench.report.numbers import ABSENT, count, decimal, percent
from workbench.report.study.blocks import Block, Numbers, Picture, Section, Text
from workbench.report.study.source import Source
from workbench.report.study.words import figures, interval, mean_sd, p_value, rough_interval, short_names
from workbench.report.table import Column, Table
from workbench.study.analysis import Analysis
from workbench.study.arm_effects import ArmEffect, Standing, ranked
from workbench.study.contrast_sql import titled

_JUDGED = (Standing.BETTER, Standing.WORSE)
_NOTE = (
    "n counts the seeds with a value. Δ is the mean difference to the baseline over common seeds, with its 95 % t "
    "interval; p is of a paired t test, corrected by Holm over all arms. r is the correlation with the baseline over "
    "seeds. “shows” is the difference that so many seeds find with a power of 80 % in one comparison, without the "
    "correction. Arms are better or worse only where the corrected p is below 0.05. The query gives t, not p."
)

_OVER_EXAMPLES = (
    "Over examples: 10,000 resamples of the evaluation examples, paired, for these very runs; it says nothing of other "
    "seeds. It is computed from the predictions, which are not in the database."
)


def references(source: Source) -> Section:
    """The base without adapters: where all arms start from, and what its format costs."""
    rows = []
    for arm in source.results.arms:
        if arm.reference:
            values = [source.results.values[name].get(arm.arm, {}) for name in source.analyses]
            rows.append((arm.arm, *(_only(list(of_metric.values())) for of_metric in values)))
    columns = (Column("reference", "left"), *map(Column, source.analyses))
    if not rows:
        return Section("References", (Text("No run without adapters belongs to this study."),))
    sql = sql_of(VALUES, study=source.results.study, baseline=source.results.baseline, metric=source.results.metric)
    return Section("References", (Numbers(Table(columns, tuple(rows)), "One run each: nothing is drawn in it.", sql),))


def _only(values: Sequence[float | None]) -> str:
    return decimal(values[0]) if values else ABSENT


def effects(source: Source) -> Section:
    """Every arm by the study's metric; at its best learning rate first, where rates were tried."""
    analysis = source.analysis
    blocks: list[Block] = []
    if analysis.tuned:
        blocks += [
            Text("Every arm at the best of the learning rates that were tried, the baseline as well:"),
            _table(source, analysis, analysis.tuned_effects, effects_query(source)),
            *_plot(source, analysis.tuned_effects, "effects-at-best-rate"),
        ]
        if border := analysis.tuned.at_border:
            said = f"For {len(border)} of {len(analysis.tuned.chosen)} arms the best rate is the lowest or the highest "
            blocks.append(Text(said + f"that was tried; a better one may lie outside: {', '.join(border)}."))
        blocks.append(Text("All arms as they ran, against the baseline at the recipe's own rate:"))
    query = _effects_sql(source, source.results.metric)
    blocks += [_table(source, analysis, analysis.effects, query), *_plot(source, analysis.effects, "effects")]
    blocks += _own_examples(source)
    return Section(f"Arms by {source.results.metric}", tuple(blocks))


def _table(source: Source, analysis: Analysis, found: Sequence[ArmEffect], sql: str) -> Numbers:
    better = analysis.outcomes.higher_is_better
    ranks = {id(effect): rank for rank, effect in ranked(found, better)}
    base = source.results.baseline
    trained = next(effect.outcome.trainable_params for effect in found if effect.outcome.arm == base)
    headings = ("n", "trainable", "discount", f"{analysis.outcomes.metric} (mean ± sd)", "Δ [95 %]", "p (Holm)", "r")
    columns = (Column("rank"), Column("arm", "left"), Column("standing", "left"), *map(Column, (*headings, "shows")))
    if analysis.tuned and found is analysis.tuned_effects:
        columns = (*columns, Column("lr", "left"))
    rows = []
    for effect in found:
        own = effect.outcome.trainable_params
        row: tuple[str, ...] = (
            str(ranks.get(id(effect), ABSENT)),
            effect.outcome.arm,
            str(effect.standing),
            _n(effect),
            count(own),
            percent(1 - own / trained) if own is not None and trained else ABSENT,
            mean_sd(effect.mean, effect.sd),
            interval(effect.delta),
            p_value(effect.p_holm),
            decimal(effect.correlation, 2),
            figures(effect.delta.detectable if effect.delta else None),
        )
        if analysis.tuned and found is analysis.tuned_effects:
            row = (*row, analysis.tuned.chosen.get(effect.outcome.arm, ABSENT))
        rows.append(row)
    return Numbers(Table(columns, tuple(rows), keys=2), _NOTE, sql)


def _effects_sql(source: Source, metric: str) -> str:
    """The query that gives the numbers of all arms as they ran."""
    results = source.results
    return sql_of(EFFECTS, study=results.study, baseline=results.baseline, metric=metric, among=None)


def effects_query(source: Source) -> str:
    """The query for the arms that are judged: where rates were tried, those at their best ones, as they are named."""
    results, tuned = source.results, source.analysis.tuned
    if tuned is None:
        return _effects_sql(source, results.metric)
    renamed = "; ".join(f"{arm} ran as {ran}" for arm, ran in tuned.ran_as.items() if arm != ran)
    asked = {"study": results.study, "baseline": tuned.ran_as[results.baseline], "metric": results.metric}
    return titled(renamed, sql_of(EFFECTS, **asked, among="\n".join(tuned.ran_as.values())))


def _own_examples(source: Source) -> list[Block]:
    """For right and wrong answers as the study's metric: how far other examples would move the differences."""
    metric = source.results.metric
    found = source.examples.get(metric, {})
    if not found:
        return []
    rows = tuple(
        (arm, str(own.seeds), str(own.examples), _over_examples(source, metric, arm)) for arm, own in found.items()
    )
    columns = (Column("arm", "left"), Column("seeds"), Column("examples"), Column("Δ [95 %] over examples"))
    return [Text("The same differences over evaluation examples:"), Numbers(Table(columns, rows), _OVER_EXAMPLES)]


def _n(effect: ArmEffect) -> str:
    """A reference that gives no such metric lacks nothing: it has no adapter that could be merged."""
    if effect.outcome.reference and not effect.n:
        return ABSENT
    missing = len(effect.outcome.missing)
    return f"{effect.n} ({missing} missing)" if missing else str(effect.n)


def _plot(source: Source, found: Sequence[ArmEffect], name: str) -> list[Block]:
    labels = short_names([effect.outcome.arm for effect in found if effect.delta])
    points = [
        EffectPoint(
            label=labels[effect.outcome.arm],
            group=effect.outcome.layer_type or "other",
            n=effect.delta.n,
            mean=effect.delta.mean,
            low=effect.delta.low,
            high=effect.delta.high,
            separated=effect.standing in _JUDGED,
        )
        for effect in found
        if effect.delta
    ]
    if not points:
        return []
    results = source.results
    figure = effect_plot(
        f"{results.study}-{name}",
        f"{results.metric}: difference to the baseline",
        points,
        metric=results.metric,
        baseline=results.baseline,
        higher_is_better=source.analysis.outcomes.higher_is_better,
    )
    note = "Mean differences over common seeds with 95 % t intervals; filled where the corrected p is below 0.05."
    return [Picture(figure, note)]


def sensitivity(source: Source) -> Section:
    """What every parameter that was saved has cost."""
    found = [effect for effect in source.analysis.judged_effects if effect.sensitivity]
    metric = source.results.metric
    if not found:
        return Section("Sensitivity", (Text("No arm has fewer trainable parameters than the baseline."),))
    columns = (Column("arm", "left"), Column("layer group", "left"), Column("removed"), Column(f"{metric}, worse by"))
    base = next(arm.trainable_params for arm in source.results.arms if arm.is_baseline) or 0
    rows = tuple(
        (
            effect.outcome.arm,
            _group(effect),
            count(base - (effect.outcome.trainable_params or 0)),
            rough_interval(effect.sensitivity),
        )
        for effect in sorted(
            found, key=lambda effect: effect.sensitivity.mean if effect.sensitivity else 0, reverse=True
        )
    )
    note = (
        "The change for the worse per million trainable parameters removed, with its 95 % t interval: the difference "
        "of the table above, divided by the parameters. An order within overlapping intervals is no ranking."
    )
    return Section("Sensitivity of layer groups", (Numbers(Table(columns, rows), note, effects_query(source)),))


def _group(effect: ArmEffect) -> str:
    """The layer group that the arm changes, in the words of `compare --by type,band`."""
    arm = effect.outcome
    if arm.layer_type is None or arm.band is None:
        return ABSENT
    return (
        arm.layer_type if arm.band == "all" else arm.band if arm.layer_type == "all" else f"{arm.band} {arm.layer_type}"
    )


def other_metrics(source: Source) -> Section:
    """The other metrics of the same runs: differences over seeds, and over examples that are right or wrong."""
    blocks: list[Block] = []
    for metric, analysis in source.analyses.items():
        if metric == source.results.metric:
            continue
        over_examples = source.examples.get(metric, {})
        columns = [
            Column("arm", "left"),
            Column("n"),
            Column("mean ± sd"),
            Column("Δ [95 %] over seeds"),
            Column("p (Holm)"),
        ]
        if over_examples:
            columns.append(Column("Δ [95 %] over examples"))
        rows = []
        for effect in analysis.effects:
            row = [
                effect.outcome.arm,
                _n(effect),
                mean_sd(effect.mean, effect.sd),
                interval(effect.delta),
                p_value(effect.p_holm),
            ]
            if over_examples:
                row.append(_over_examples(source, metric, effect.outcome.arm))
            rows.append(tuple(row))
        direction = "higher" if analysis.outcomes.higher_is_better else "lower"
        note = f"{metric}: {direction} is better. Arms as they ran; these were not what the study judges by."
        if over_examples:
            note += f" {_OVER_EXAMPLES}"
        blocks += [
            Text(f"By {metric}:"),
            Numbers(Table(tuple(columns), tuple(rows)), note, _effects_sql(source, metric)),
        ]
    return Section("Other metrics", tuple(blocks) or (Text("The recipe has no other metric."),))


def _over_examples(source: Source, metric: str, arm: str) -> str:
    found = source.examples.get(metric, {}).get(arm)
    return f"{found.delta:+.4f} [{found.low:+.4f}, {found.high:+.4f}]" if found else ABSENT
