"""Compares plans over their seeds, as a whole and per layer group."""

from collections.abc import Sequence

from store.comparison import Comparison
from store.connection import Connection, reading
from store.entries import Entry, entries_of, mismatches
from store.estimates import finals, plan_row, unpaired
from store.groups import figures, group_rows, parse_by
from store.selection import Candidate, candidates, matching, select
from workbench.errors import NotFoundError
from workbench.run.layout import Home

_STUDY_BASELINE = """
with arms as (
  select study from study_runs join studies using (study)
  where run_id in (select unnest($runs))
  group by study having count(distinct run_id) = len($runs)
  order by study limit 1
)
select distinct b.run_id from study_runs b join studies s using (study) join arms using (study) where b.arm = s.baseline
"""


def compare(home: Home, selection: Sequence[str] = (), by: str = "all", baseline: str | None = None) -> Comparison:
    """Compares the selected finished runs (all, when none is named), grouped by `by`.

    A word of `selection`, and `baseline`, is a run id or its unique start of 4 or more digits, a run name, or a plan
    name; `by` is `all`, `type`, `band`, `type,band`, `module`, `block` or `@group[,@group]`. The baseline is the one
    named, else that of the study all the runs belong to, else the first. Finished reference runs of the same model
    and data are always shown. Raises NotFoundError and UsageError with the nearest name, and as `reading`.
    """
    parse_by(by)
    with reading(home) as connection:
        runs = candidates(connection)
        chosen, warnings = select(runs, selection)
        base_runs = _baseline_runs(connection, runs, chosen, baseline)
        named = _once([*chosen, *base_runs] if base_runs and base_runs[0] in chosen else [*base_runs, *chosen])
        entries, ambiguous = entries_of(_once([*named, *_references(runs, named)]))
        base, several = _baseline_entry(entries, base_runs)
        ids = [run.run_id for entry in entries for run in entry.runs.values()]
        values = finals(connection, ids)
        found, shared = figures(connection, ids, by)
    plans = [entry for entry in entries if not entry.reference]
    references = [entry for entry in entries if entry.reference]
    return Comparison(
        baseline=base.label,
        by=by,
        plans=tuple(plan_row(entry, base, values) for entry in plans),
        groups=tuple(group_rows([*plans, *references], base, found)),
        references=tuple(plan_row(entry, base, values) for entry in references),
        warnings=(*warnings, *ambiguous, *several, *mismatches(plans), *unpaired(plans, base, values), *shared),
    )


def _baseline_runs(
    connection: Connection, runs: list[Candidate], chosen: list[Candidate], word: str | None
) -> list[Candidate]:
    """The runs named as baseline, else those of the study's baseline arm, else none. Raises NotFoundError."""
    if word is not None:
        finished = [run for run in matching(runs, word) if run.finished]
        if not finished:
            raise NotFoundError(f"the baseline '{word}' has no finished run", "see the states: workbench runs list")
        return finished
    ids = [run.run_id for run in chosen if not run.reference]
    of_study = {run_id for (run_id,) in connection.execute(_STUDY_BASELINE, {"runs": ids}).fetchall()}
    return [run for run in runs if run.run_id in of_study and run.finished]


def _baseline_entry(entries: list[Entry], base_runs: list[Candidate]) -> tuple[Entry, list[str]]:
    """The entry of the baseline's runs, the first of several with a warning; else the first plan."""
    keys = {run.key for run in base_runs}
    fitting = [entry for entry in entries if entry.key in keys] or [e for e in entries if not e.reference] or entries
    if len(keys) > 1:
        labels = ", ".join(entry.label for entry in fitting)
        return fitting[0], [f"the baseline could be any of {labels}: the first is taken"]
    return fitting[0], []


def _references(runs: list[Candidate], named: list[Candidate]) -> list[Candidate]:
    """The finished reference runs of the models and data of the named ones."""
    wanted = {(run.key.model_fingerprint, run.key.data_hash) for run in named}
    return [
        run
        for run in runs
        if run.reference and run.finished and (run.key.model_fingerprint, run.key.data_hash) in wanted
    ]


def _once(runs: list[Candidate]) -> list[Candidate]:
    return list({run.run_id: run for run in runs}.values())
