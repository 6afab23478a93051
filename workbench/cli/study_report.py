"""`workbench study report`: what the runs of a study say, as a page or in the terminal."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cli.context import current_home, print_json, refresh
from workbench.cli.show_table import show_table
from workbench.errors import InvalidError, NotFoundError, UsageError, WorkbenchError

if TYPE_CHECKING:
    from store.study_results import StudyResults
    from workbench.report.study.source import Source
    from workbench.run.layout import Home
    from workbench.study.analysis import Analysis
    from workbench.study.bootstrap import ExampleInterval
    from workbench.study.outcomes import Cell
    from workbench.study.study import Study

_CURVES = 6
_BY_EXAMPLE = ("exact_match", "choice_accuracy")
_LENSES = ("loss-against-trainable-parameters", "retained-after-merge", "cost")
_SEED = 0  # of the resampling, so that a report says the same whenever it is written


def report_study(ref: str, html: bool, markdown: bool, out: Path | None, as_json: bool) -> None:
    """Writes the report, or prints verdicts and arms. Raises NotFoundError for a study without finished runs."""
    from workbench.study.study import load_study

    if out and out.is_dir():
        raise UsageError(f"--out {out}: a folder is there", "name the file to write")
    home = current_home()
    study = load_study(ref, home)
    refresh(home)
    if html or markdown:
        _write(home, _source(home, study), html, out)
        return
    results = _results(home, study)
    cells, _, notes = _cells(study, home)
    analysis = _analysis(study, results, results.metric, cells)
    notes = _notes(study, results, analysis, notes)
    if as_json:
        print_json(_answer(results, analysis, notes))
    else:
        _print(results, analysis, notes)


def _verdict_lines(analysis: "Analysis") -> list[str]:
    from workbench.report.study.words import verdict_numbers

    lines = []
    for verdict in analysis.verdicts:
        lines.append(f"{verdict.text}: {verdict.claim.says}")
        if verdict.answers:
            lines.append(f"  {verdict_numbers(verdict)}")
    return lines


def _write(home: "Home", source: "Source", html: bool, out: Path | None) -> None:
    from workbench.report.study.files import write_html, write_markdown
    from workbench.report.study.report import study_report

    report = study_report(source)
    folder = home.studies / source.results.study
    path = out or folder / ("report.html" if html else "report.md")
    (write_html if html else write_markdown)(report, path)
    print(path)


def _results(home: "Home", study: "Study") -> "StudyResults":
    from store.study_results import study_results

    results = study_results(home, study.name)
    if results.metric in results.values:
        return results
    finished = sum(arm.seeds for arm in results.arms)
    if not finished:
        raise NotFoundError(f"no run of study '{study.name}' has finished yet", f"workbench study status {study.name}")
    known = ", ".join(results.values) or "none"
    raise NotFoundError(
        f"no run of study '{study.name}' gave the metric '{results.metric}'",
        f"the runs gave {known}; write one of these in {study.path}, then `workbench study run {study.name}`",
    )


def _cells(study: "Study", home: "Home") -> "tuple[list[Cell], dict[str, str], list[str]]":
    """Levels and arms of the study's file with those that are the same runs, and what hinders that."""
    from workbench.cli.study_ready import make_ready
    from workbench.study.outcomes import Cell

    try:
        ready = make_ready(study, home)
    except WorkbenchError as error:
        said = f"the file cannot be expanded now ({error.title}): claims are about the arms as they were first written"
        return [], {}, [said]
    expansion = ready.expansion
    kept = {arm.name for arm in expansion.arms}
    named = {design.name: dict(design.levels) for design in study.designs}
    cells = [
        Cell(levels, arm if arm in kept else expansion.merged[arm])
        for arm, levels in named.items()
        if levels and (arm in kept or arm in expansion.merged)
    ]
    changed = len(ready.changes.replaced) + len(ready.changes.dropped)
    notes = []
    if changed:
        notes.append(
            f"The study's file was edited after runs were made: {changed} of them do not belong to what it says now."
        )
    return cells, dict(expansion.merged), notes


def _notes(study: "Study", results: "StudyResults", analysis: "Analysis", notes: Sequence[str]) -> list[str]:
    """What a reader must know of the data, whatever form the report has."""
    said = [*notes]
    if study.file.metric != results.metric:
        said.append(
            f"The file says metric {study.file.metric}; this is by {results.metric}, which the runs were made for. "
            f"`workbench study run {study.name}` takes the file's."
        )
    return said + _missing(results, analysis)


def _analysis(study: "Study", results: "StudyResults", metric: str, cells: "list[Cell]") -> "Analysis":
    from workbench.study.analysis import analyse

    claims = study.file.claims if metric == results.metric else {}
    return analyse(results.outcomes(metric, cells), claims)


def _source(home: "Home", study: "Study") -> "Source":
    from datetime import UTC, datetime

    from store.lenses import run
    from store.study_layers import site_means, training_curves
    from workbench import __version__
    from workbench.plan.files import read_text
    from workbench.report.study.source import Source

    results = _results(home, study)
    cells, merged, notes = _cells(study, home)
    own = results.metric
    metrics = [own, *(name for name in results.values if name != own and "/" not in name and "." not in name)]
    analyses = {metric: _analysis(study, results, metric, cells) for metric in metrics}
    asked = {"study": results.study, "baseline": results.baseline}
    shown = _shown(results, analyses[own])
    return Source(
        file=study.file,
        text=read_text(study.path),
        results=results,
        analyses=analyses,
        examples={name: _examples(home, results, name) for name in metrics if name in _BY_EXAMPLE},
        curves=tuple(training_curves(home, results.study, results.baseline, shown)),
        sites=tuple(site_means(home, results.study, results.baseline)),
        lenses={
            name: run(home, name, {**asked, **({"metric": own} if name == _LENSES[0] else {})}) for name in _LENSES
        },
        merged=merged,
        notes=tuple(_notes(study, results, analyses[own], notes)),
        version=__version__,
        written=f"{datetime.now(UTC):%Y-%m-%d}",
    )


def _shown(results: "StudyResults", analysis: "Analysis") -> list[str]:
    """The baseline and the arms that differ most from it: more curves than these cannot be told apart."""
    found = sorted(analysis.effects, key=lambda effect: -abs(effect.delta.mean) if effect.delta else 0.0)
    others = [effect.outcome.arm for effect in found if effect.delta]
    return [results.baseline, *others[: _CURVES - 1]]


def _missing(results: "StudyResults", analysis: "Analysis") -> list[str]:
    """Runs that did not finish, and trained ones whose value is no number: both are missing cells."""
    unfinished = {arm.arm for arm in results.arms if arm.missing}
    found = [arm for arm in analysis.outcomes.arms if arm.missing and (not arm.reference or arm.arm in unfinished)]
    lacking = [f"{arm.arm} ({len(arm.missing)})" for arm in found]
    if not lacking:
        return []
    some = ", ".join(lacking[:8]) + (f" and {len(lacking) - 8} more arms" if len(lacking) > 8 else "")
    return [f"Runs without a result: {some}. Differences use the seeds that are there."]


def _examples(home: "Home", results: "StudyResults", metric: str) -> "dict[str, ExampleInterval]":
    """Intervals over evaluation examples, from the predictions of every run's last finished attempt."""
    import numpy as np

    from workbench.study.bootstrap import example_interval

    answers: dict[str, dict[int, dict[int, bool]]] = {}
    references = {arm.arm for arm in results.arms if arm.reference}
    for found in results.runs:
        if found.arm not in references and found.status == "finished":
            right = _right(home, found.run_id, found.attempt, metric)
            if right:
                answers.setdefault(found.arm, {})[found.seed] = right
    base = answers.get(results.baseline, {})
    intervals = {}
    for place, (arm, own) in enumerate(sorted(answers.items())):
        if arm != results.baseline:
            found_interval = example_interval(own, base, np.random.default_rng([_SEED, place]))
            if found_interval:
                intervals[arm] = found_interval
    return intervals


def _right(home: "Home", run_id: str, attempt: int, metric: str) -> dict[int, bool]:
    from workbench.run.predictions import at_step, read_predictions

    own = "" if metric == "exact_match" else metric
    try:
        found = at_step(read_predictions(home.run_dir(run_id).predictions(attempt), own))
    except NotFoundError:
        return {}
    except InvalidError as error:
        print(f"warning: {error.title}: left out of intervals over examples", file=sys.stderr)
        return {}
    return {prediction.index: prediction.correct for prediction in found}


def _answer(results: "StudyResults", analysis: "Analysis", notes: Sequence[str]) -> dict[str, Any]:
    from dataclasses import asdict

    from workbench.report.study.words import verdict_numbers

    return {
        "study": results.study,
        "metric": results.metric,
        "higher_is_better": analysis.outcomes.higher_is_better,
        "baseline": results.baseline,
        "verdicts": [
            {
                "claim": verdict.claim.name,
                "says": verdict.claim.says,
                "verdict": str(verdict.outcome),
                "text": verdict.text,
                "numbers": verdict_numbers(verdict) if verdict.answers else "",
                "seeds_needed": verdict.seeds_needed,
                "reason": verdict.reason or None,
                "contrasts": [asdict(answer) for answer in verdict.answers],
            }
            for verdict in analysis.verdicts
        ],
        "arms": [
            {
                "arm": effect.outcome.arm,
                "n": effect.n,
                "missing": list(effect.outcome.missing),
                "trainable_params": effect.outcome.trainable_params,
                "mean": effect.mean,
                "sd": effect.sd,
                "delta": asdict(effect.delta) if effect.delta else None,
                "p_holm": effect.p_holm,
                "correlation": effect.correlation,
                "sensitivity": asdict(effect.sensitivity) if effect.sensitivity else None,
                "standing": str(effect.standing),
            }
            for effect in analysis.judged_effects
        ],
        "notes": list(notes),
    }


def _print(results: "StudyResults", analysis: "Analysis", notes: Sequence[str]) -> None:
    from workbench.report.numbers import percent
    from workbench.report.study.words import interval, mean_sd, p_value
    from workbench.report.table import Column, Table

    for line in _verdict_lines(analysis):
        print(line)
    base = next(arm.trainable_params for arm in results.arms if arm.is_baseline)
    headings = ("n", "discount", results.metric, "Δ [95 %]", "p (Holm)")
    columns = (Column("arm", "left"), *map(Column, headings), Column("standing", "left"))
    rows = []
    for effect in analysis.judged_effects:
        own = effect.outcome.trainable_params
        saved = percent(1 - own / base) if own is not None and base else "–"
        numbers = (mean_sd(effect.mean, effect.sd), interval(effect.delta), p_value(effect.p_holm))
        rows.append((effect.outcome.arm, str(effect.n), saved, *numbers, str(effect.standing)))
    print()
    show_table(Table(columns, tuple(rows)))
    for note in notes:
        print(f"\n{note}")
    print(f"\nthe whole of it, with figures and queries: workbench study report {results.study} --html")
