"""The values that a lens is run with: those given, and what the results offer for the others."""

from collections.abc import Mapping
from typing import NamedTuple

from store.connection import Connection
from store.groups import parse_by
from store.lenses.lens import PARAMETERS, Lens
from store.selection import matching, number_runs
from workbench.errors import NotFoundError, UsageError
from workbench.nearest import nearest

Values = dict[str, str | None]
DEFAULT_METRIC = "loss"
DEFAULT_GROUP = "type"
_STUDIES = "select study, baseline, metric from studies order by study"
_ARMS = "select arm from arm_runs where study is not distinct from ? group by arm order by min(created), arm"
_ARM_OF_RUN = "select arm from arm_runs where study is not distinct from ? and run_id = ? order by arm limit 1"
_FIRST_PLAN = "select arm from plan_runs group by arm order by bool_or(reference), min(created), min(run_id) limit 1"
_ARMS_OF_PLACES = """
select arm from plan_runs join candidate using (run_id) where place in (select unnest($places))
group by arm order by min(place)
"""
_LEFT_OUT = """
select count(*) from plan_runs where not reference and (model_fingerprint, data_hash) not in (
  select model_fingerprint, data_hash from plan_runs where arm = ?
)
"""
_METRICS = "select distinct metric from final_values order by metric"
_GROUPS = "select distinct '@' || group_name from groups order by 1"


class _Study(NamedTuple):
    study: str
    baseline: str | None
    metric: str | None


def resolve(
    connection: Connection, lens: Lens, given: Mapping[str, str | None], pinned: str | None = None
) -> tuple[Values, list[str]]:
    """A value for each parameter of the lens, and notes on those that were not given.

    A `study` that is given as None means the plans of all finished runs. `pinned` is the run whose arm is the baseline
    where none is given, if it is among the runs looked at. Raises UsageError where a value is missing
    that cannot be found, or is no parameter, and NotFoundError with the nearest name for one that nothing has.
    """
    if unknown := [name for name in given if name not in PARAMETERS]:
        raise UsageError(f"'{unknown[0]}' is no parameter of a lens", nearest(unknown[0], PARAMETERS))
    used = lens.parameters
    notes = [
        f"the lens '{lens.name}' has no use for --{name}" for name, value in given.items() if value and name not in used
    ]
    study, said = _study(connection, lens, given)
    values: Values = {}
    if "study" in used:
        values["study"] = study.study if study else None
        notes += said
    if "baseline" in used:
        values["baseline"], said = _baseline(connection, study, given.get("baseline"), pinned)
        notes += said
    if "metric" in used:
        values["metric"] = _metric(connection, lens, study, given.get("metric"))
    if "group" in used:
        values["group"] = _group(connection, given.get("group"))
    return values, notes


def _study(connection: Connection, lens: Lens, given: Mapping[str, str | None]) -> tuple[_Study | None, list[str]]:
    """The study given, else the only one there is; None for the plans of all finished runs."""
    studies = {row[0]: _Study(*row) for row in connection.execute(_STUDIES).fetchall()}
    word, needed = given.get("study"), "study" in lens.needs
    if word is not None:
        if word not in studies:
            known = nearest(word, studies) if studies else "there are no studies here yet"
            raise NotFoundError(f"no study '{word}'", known)
        return studies[word], []
    if needed and ("study" in given or not studies):
        raise UsageError(f"the lens '{lens.name}' needs a study", _how_to_name(studies))
    if "study" in given or not studies or "study" not in lens.parameters:
        return None, []
    if len(studies) > 1:
        raise UsageError(
            f"which study? There are {len(studies)}, and the lens '{lens.name}' looks at one", _how_to_name(studies)
        )
    [only] = studies.values()
    return only, [f"study {only.study}, the only one here"]


def _how_to_name(studies: Mapping[str, _Study]) -> str:
    if not studies:
        return "there are no studies here yet; one is named with --study STUDY"
    return f"--study {' | '.join(studies)}; or --plans for the plans of all finished runs"


def _baseline(
    connection: Connection, study: _Study | None, word: str | None, pinned: str | None
) -> tuple[str, list[str]]:
    """The arm that deltas are taken from. A plan's may be named in all the ways that `compare` knows."""
    among = study.study if study else None
    arms = [arm for (arm,) in connection.execute(_ARMS, [among]).fetchall()]
    notes: list[str] = []
    if word is None:
        arm = (study.baseline if study else None) or _first(connection)
        if pinned:
            arm, notes = _pinned_arm(connection, among, pinned, arm)
    elif word in arms:
        arm = word
    elif study:
        raise NotFoundError(f"study {study.study} has no arm '{word}'", nearest(word, arms))
    else:
        arm, notes = _named_plan(connection, word)
    return arm, notes if study else notes + _left_out(connection, arm)


def _pinned_arm(connection: Connection, study: str | None, pinned: str, otherwise: str) -> tuple[str, list[str]]:
    """A run that has not finished, or was run again since, is of no plan's arm."""
    found = connection.execute(_ARM_OF_RUN, [study, pinned]).fetchall()
    if not found:
        return otherwise, [f"the baseline is {otherwise}: the pinned run is not among the runs compared"]
    return found[0][0], [f"the baseline is {found[0][0]}, of which a run is pinned"]


def _first(connection: Connection) -> str:
    rows = connection.execute(_FIRST_PLAN).fetchall()
    if not rows:
        raise NotFoundError("no finished run to look at", "see their states: workbench runs list")
    return str(rows[0][0])


def _named_plan(connection: Connection, word: str) -> tuple[str, list[str]]:
    number_runs(connection)
    places = [run.place for run in matching(connection, word) if run.finished]
    found = [arm for (arm,) in connection.execute(_ARMS_OF_PLACES, {"places": places}).fetchall()]
    if not found:
        raise NotFoundError(f"the baseline '{word}' has no finished run", "see the states: workbench runs list")
    if len(found) > 1:
        return found[0], [f"the baseline could be any of {', '.join(found)}: the first is taken"]
    return found[0], []


def _left_out(connection: Connection, arm: str) -> list[str]:
    [(count,)] = connection.execute(_LEFT_OUT, [arm]).fetchall()
    return [f"{count} finished runs are left out, as on another model or other data than {arm}"] if count else []


def _metric(connection: Connection, lens: Lens, study: _Study | None, word: str | None) -> str | None:
    if word is None:
        return ((study.metric if study else None) or DEFAULT_METRIC) if "metric" in lens.needs else None
    known = [name for (name,) in connection.execute(_METRICS).fetchall()]
    if word not in known:
        raise NotFoundError(f"no finished run has the metric '{word}'", nearest(word, known))
    return word


def _group(connection: Connection, word: str | None) -> str:
    """The kind of layer group, as `compare --by` has it."""
    kind, names = parse_by(word or DEFAULT_GROUP)
    known = [name for (name,) in connection.execute(_GROUPS).fetchall()] if names else []
    if missing := [name for name in names if name not in known]:
        raise NotFoundError(f"no group '{missing[0]}' in any run", nearest(missing[0], known))
    return ",".join(names) or kind
