"""Compares plans over their seeds, as a whole and per layer group.

Everything that is counted per run is counted by SQL, in tables of the connection; only plans become Python values.
"""

from collections.abc import Sequence

from store.comparison import Comparison
from store.connection import Connection, reading
from store.entries import Entry, entries_of, mismatches
from store.estimates import plan_rows, unpaired
from store.groups import figures, group_rows, parse_by
from store.selection import Key, matching, number_runs, select
from workbench.errors import NotFoundError
from workbench.run.layout import Home

_STUDY_BASELINE = """
with chosen as (select run_id from candidate join named using (place) where not reference),
arms as (
  select study from study_runs join studies using (study) join chosen using (run_id)
  group by study having count(distinct run_id) = (select count(*) from chosen)
  order by study limit 1
)
select distinct c.place from study_runs b
join studies s using (study) join arms using (study) join candidate c using (run_id)
where b.arm = s.baseline and c.finished order by c.place
"""
# A baseline that was not chosen comes first, a part of one that was comes after the rest.
_ADD_BASELINE = """
insert into named
select place, if($places[1] in (select place from named), (1 << 29) + nth, nth - (1 << 29))
from (select unnest($places) as place, generate_subscripts($places, 1) as nth)
where place not in (select place from named)
"""
_ADD_REFERENCES = """
insert into named
select distinct r.place, (1 << 30) + r.place
from candidate r join candidate c using (model_fingerprint, data_hash) join named on named.place = c.place
where r.reference and r.finished and r.place not in (select place from named)
"""
_KEYS = f"select distinct {', '.join(Key._fields)} from candidate where place in (select unnest($places))"


def compare(home: Home, selection: Sequence[str] = (), by: str = "all", baseline: str | None = None) -> Comparison:
    """Compares the selected finished runs (all, when none is named), grouped by `by`.

    A word of `selection`, and `baseline`, is a run id or its unique start of 4 or more digits, a run name, or a plan
    name; `by` is `all`, `type`, `band`, `type,band`, `module`, `block` or `@group[,@group]`. The baseline is the one
    named, else that of the study all the runs belong to, else the first. Finished reference runs of the same model
    and data are always shown. Raises NotFoundError and UsageError with the nearest name, and as `reading`.
    """
    parse_by(by)
    with reading(home) as connection:
        number_runs(connection)
        warnings = select(connection, selection)
        base_runs = _baseline_runs(connection, baseline)
        connection.execute(_ADD_BASELINE, {"places": base_runs})
        connection.execute(_ADD_REFERENCES)
        entries, ambiguous = entries_of(connection)
        base, several = _baseline_entry(connection, entries, base_runs)
        rows = plan_rows(connection, entries, base)
        found, shared = figures(connection, by)
        plans = [entry for entry in entries if not entry.reference]
        pairing = list(unpaired(connection, plans, base))
    frozen = [entry for entry in entries if entry.reference]
    return Comparison(
        baseline=base.label,
        by=by,
        plans=tuple(rows[entry.number] for entry in plans),
        groups=tuple(group_rows([*plans, *frozen], base, found)),
        references=tuple(rows[entry.number] for entry in frozen),
        warnings=(*warnings, *ambiguous, *several, *mismatches(plans), *pairing, *shared),
    )


def _baseline_runs(connection: Connection, word: str | None) -> list[int]:
    """The runs named as baseline, else those of the study's baseline arm, else none. Raises NotFoundError."""
    if word is None:
        return [place for (place,) in connection.execute(_STUDY_BASELINE).fetchall()]
    finished = [run.place for run in matching(connection, word) if run.finished]
    if not finished:
        raise NotFoundError(f"the baseline '{word}' has no finished run", "see the states: workbench runs list")
    return finished


def _baseline_entry(connection: Connection, entries: list[Entry], base_runs: list[int]) -> tuple[Entry, list[str]]:
    """The entry of the baseline's runs, the first of several with a warning; else the first plan."""
    keys = {Key(*row) for row in connection.execute(_KEYS, {"places": base_runs}).fetchall()} if base_runs else set()
    fitting = [entry for entry in entries if entry.key in keys] or [e for e in entries if not e.reference] or entries
    if len(keys) > 1:
        labels = ", ".join(entry.label for entry in fitting)
        return fitting[0], [f"the baseline could be any of {labels}: the first is taken"]
    return fitting[0], []
