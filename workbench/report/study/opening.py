"""The opening of a report: question, verdicts, and how the study was made."""

from store.study_results import RUNS, sql_of
from workbench.report.numbers import count
from workbench.report.study.blocks import Code, Numbers, Points, Section, Text
from workbench.report.study.queries import contrast_queries
from workbench.report.study.source import Source
from workbench.report.study.words import verdict_numbers
from workbench.report.table import Column, Table
from workbench.study.claims import Comparison, Dominance
from workbench.study.verdicts import Verdict

_NO_CLAIMS = "The study's file states no claims; what the arms did stands in the tables below."


def question(source: Source) -> Section:
    """What was asked, what was found before, and what was to count as an answer: as the file said before any run."""
    file = source.file
    said = (
        ("Question", file.question),
        ("Found before", file.finding),
        ("Would confirm it", file.confirmed_if),
        ("Would contradict it", file.contradicted_if),
        ("Notes", file.notes),
    )
    lines = tuple((label, text) for label, text in said if text.strip())
    return Section("Question", (Points(lines),) if lines else (Text("The study's file states no question."),))


def verdicts(source: Source) -> Section:
    """A row per claim, then the arms and weights that its number is made of, as a query."""
    found = source.analysis.verdicts
    if not found:
        return Section("Verdicts", (Text(_NO_CLAIMS),))
    lines = tuple((verdict.text, verdict.claim.says) for verdict in found)
    contrasts = [answer.contrast for verdict in found for answer in verdict.answers]
    sql = contrast_queries(source, contrasts)
    note = f"p is of a paired t test over seeds, corrected by Holm over all {len(contrasts)} contrasts of this section."
    kinds = {type(verdict.claim) for verdict in found}
    if Comparison in kinds:
        note += " Of two sides compared, a number above 0 is for the claim; with p below 0.05 it is a verdict."
    if Dominance in kinds:
        note += (
            " Of a slope per doubling, its size counts: the claim is supported where the slope has a p below 0.05 and "
            "the interval of its size lies above those of all its differences between levels, and contradicted where "
            "one of these lies above it likewise."
        )
    if source.analysis.tuned:
        note += " Every arm is taken at the best learning rate that was tried, chosen by this metric."
    rows = tuple(_row(verdict) for verdict in found)
    headings = ("claim", "numbers", "unit", "pairs of arms")
    table = Table((*(Column(heading, "left") for heading in headings[:-1]), Column(headings[-1])), rows)
    return Section("Verdicts", (Points(lines), Numbers(table, note, sql)))


def _row(verdict: Verdict) -> tuple[str, ...]:
    claim = verdict.claim
    unit, cells = getattr(claim, "unit", ""), getattr(claim, "cells", "")
    return (claim.name, verdict_numbers(verdict), unit or "slope per doubling", str(cells))


def design(source: Source) -> Section:
    """What was run: model, recipe, arms, seeds; and what a reader must know of the data."""
    file, results = source.file, source.results
    trained = [arm for arm in results.arms if not arm.reference]
    finished = sum(arm.seeds for arm in results.arms)
    missing = sum(arm.missing for arm in results.arms)
    base = next(arm for arm in results.arms if arm.is_baseline)
    defaults = ", ".join(f"{key} {value}" for key, value in file.defaults.model_dump(exclude_defaults=False).items())
    lines = [
        ("Model", f"{file.model}, base {file.base}"),
        ("Baseline", f"{'; '.join(file.baseline)} ({defaults}): {count(base.trainable_params)} trainable parameters"),
        ("Recipe", f"{file.recipe}" + (f" with {_settings(file.set_)}" if file.set_ else "")),
        ("Arms", f"{len(trained)} trained, {len(results.arms) - len(trained)} references without adapters"),
        ("Seeds", ", ".join(map(str, file.seeds))),
        ("Runs", f"{finished} finished, {missing} missing"),
        ("Metric", f"{results.metric}, {'higher' if source.analysis.outcomes.higher_is_better else 'lower'} is better"),
    ]
    for name, levels in file.factors.items():
        lines.append((f"Factor {name}", ", ".join(map(str, levels))))
    if file.template:
        lines.append(("Template", "; ".join(file.template)))
    if source.merged:
        some = ", ".join(f"{arm} = {kept}" for arm, kept in list(source.merged.items())[:6])
        more = f" and {len(source.merged) - 6} more" if len(source.merged) > 6 else ""
        lines.append(("Arms that are the same runs", f"{some}{more}"))
    blocks = [Points(tuple(lines))]
    if source.notes:
        blocks.append(Points(tuple(("Note", note) for note in source.notes)))
    return Section("Design", tuple(blocks))


def _settings(settings: dict[str, object]) -> str:
    return ", ".join(f"{key}={value}" for key, value in settings.items())


def repeat(source: Source) -> Section:
    """The exact commands, the file, and hashes of all that went in."""
    name = source.results.study
    commands = (
        f"mkdir -p .workbench/studies/{name}\n# save the file below as .workbench/studies/{name}/study.yaml\n"
        f"workbench study check {name}\nworkbench study run {name} --follow\nworkbench study report {name} --html"
    )
    return Section("To repeat it", (Code(commands, "sh"), Code(source.text, "yaml"), *_hashes(source)))


def _hashes(source: Source) -> tuple[Points | Numbers, ...]:
    runs = source.results.runs
    shared = tuple(
        (label, ", ".join(sorted({str(getattr(run, key)) for run in runs})))
        for label, key in (("Model fingerprint", "model_fingerprint"), ("Data hash", "data_hash"), ("Device", "device"))
    )
    columns = (Column("arm", "left"), Column("plan", "left"), Column("recipe", "left"), Column("runs", "left"))
    arms: dict[tuple[str, str, str], list[str]] = {}
    for run in runs:
        arms.setdefault((run.arm, run.plan_hash[:12], run.recipe_hash[:12]), []).append(run.run_id)
    table = Table(columns, tuple((*key, " ".join(ids)) for key, ids in arms.items()))
    sql = sql_of(RUNS, study=source.results.study, baseline=source.results.baseline)
    version = ("Version", f"adapter-workbench {source.version}, report of {source.written}")
    return (Points((version, *shared)), Numbers(table, "Hashes of plan and recipe, and the runs of every arm.", sql))
