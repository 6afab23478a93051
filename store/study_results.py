"""What the runs of a study gave, as its statistics and its report read it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

from store.connection import Connection, reading
from store.lenses.placeholders import with_values
from workbench.errors import NotFoundError
from workbench.run.layout import Home
from workbench.study.design import RECIPE_FACTORS
from workbench.study.outcomes import ArmOutcome, Cell, Outcomes

ARMS = """with arms as (from arms_of($study, $baseline))
select l.arm, l.reference, l.is_baseline, l.trainable_params, l.seeds, l.missing, c.change, c.layer_type, c.band
from arm_list('arms') l left join changes_of('arms') c using (arm)
order by l.is_baseline desc, l.reference, l.since nulls last, l.arm"""
VALUES = """with arms as (from arms_of($study, $baseline))
select a.arm, a.seed, a.run_id, v.value
from (select distinct arm, seed, run_id, finished from arms) a
left join final_values v on v.run_id = a.run_id and v.metric = $metric
order by a.arm, a.seed"""
# What `EFFECTS` gives is what tables of arms show, but for p: the database has no distribution of t.
EFFECTS = """with arms as (from arms_of($study, $baseline)),
deltas as (from deltas_of('arms')),
effects as (from effects_of('deltas') where metric = $metric),
own as (
  select arm, count(*) as n, avg(value) as mean, stddev_samp(value) as sd, if(bool_or(higher_is_better), -1, 1) as worse
  from (select distinct arm, run_id from arms) join final_values using (run_id)
  where metric = $metric
  group by arm
),
base as (select trainable_params as base_params from arm_list('arms') where is_baseline),
found as (
  select l.arm, coalesce(o.n, 0) as n, l.trainable_params, 1 - l.trainable_params / nullif(base_params, 0) as discount,
    o.mean, o.sd, e.n as pairs, e.delta, e.low, e.high, e.delta / nullif(e.sd, 0) * sqrt(e.n) as t, e.correlation,
    nullif(greatest(base_params - l.trainable_params, 0), 0) as removed, worse * 1e6 / removed as scale
  from arm_list('arms') l left join own o using (arm) left join effects e using (arm) left join base on true
  where $among is null or list_contains(string_split($among, chr(10)), l.arm)
  order by l.is_baseline desc, l.reference, l.since nulls last, l.arm
)
select * exclude (scale), delta * scale as worse_per_million, least(low * scale, high * scale) as worse_low,
  greatest(low * scale, high * scale) as worse_high
from found"""
_METRICS = """with arms as (from arms_of($study, $baseline))
select metric, bool_or(higher_is_better) from final_values
where run_id in (select run_id from arms) group by metric order by metric"""
_LEVELS = "select arm, factor, level from study_runs where study = $study and factor is not null group by all"
_STUDY = "select baseline, metric, created from studies where study = $study"
RUNS = """with arms as (from arms_of($study, $baseline))
select r.run_id, a.arm, r.seed, r.attempt, r.status, r.device, r.train_seconds, r.device_seconds, r.peak_bytes,
  r.plan_hash, r.recipe_hash, r.data_hash, r.model_fingerprint, r.steps
from runs r join (select distinct arm, run_id from arms) a using (run_id) order by a.arm, r.seed"""


@dataclass(frozen=True, slots=True)
class StudyArm:
    """An arm: how many of its runs finished and how many did not, and what it changes. Levels by factor."""

    arm: str
    reference: bool
    is_baseline: bool
    trainable_params: int | None
    seeds: int
    missing: int
    change: str | None
    layer_type: str | None
    band: str | None
    levels: dict[str, str]


@dataclass(frozen=True, slots=True)
class StudyRun:
    """A run of the study: what it cost, and the hashes that say what it was."""

    run_id: str
    arm: str
    seed: int
    attempt: int
    status: str | None
    device: str | None
    train_seconds: float | None
    device_seconds: float | None
    peak_bytes: int | None
    plan_hash: str
    recipe_hash: str
    data_hash: str
    model_fingerprint: str
    steps: int | None


@dataclass(frozen=True, slots=True)
class StudyResults:
    """A study as the database has it. `values` are by metric, arm and seed, None for a run without that number.

    `higher_is_better` has every metric that some run gave.
    """

    study: str
    baseline: str
    metric: str
    created: datetime
    arms: tuple[StudyArm, ...]
    runs: tuple[StudyRun, ...]
    higher_is_better: dict[str, bool]
    values: dict[str, dict[str, dict[int, float | None]]]

    def outcomes(self, metric: str, cells: Iterable[Cell] = ()) -> Outcomes:
        """The arms by one metric. Without `cells`, the levels are those that members were written with."""
        by_arm = self.values[metric]
        arms = [_outcome(arm, by_arm.get(arm.arm, {})) for arm in self.arms]
        known = {arm.arm for arm in self.arms}
        placed = [cell for cell in cells if cell.arm in known]
        placed = placed or [Cell(arm.levels, arm.arm) for arm in self.arms if arm.levels]
        return Outcomes(metric, self.higher_is_better[metric], self.baseline, tuple(arms), tuple(placed))


def study_results(home: Home, study: str) -> StudyResults:
    """Raises NotFoundError for a study that no run belongs to, and as `reading`."""
    with reading(home) as connection:
        head = connection.execute(_STUDY, {"study": study}).fetchone()
        if head is None:
            raise NotFoundError(f"study '{study}' has no runs yet", f"workbench study run {study}")
        baseline, metric, created = head
        asked = {"study": study, "baseline": baseline}
        levels = _levels(connection, study)
        arms = [StudyArm(*(*row, levels.get(row[0], {}))) for row in connection.execute(ARMS, asked).fetchall()]
        if not any(arm.is_baseline for arm in arms):
            raise NotFoundError(
                f"the members of study '{study}' are without those of its baseline '{baseline}'",
                f"they are written again by `workbench study run {study}`",
            )
        runs = [StudyRun(*row) for row in connection.execute(RUNS, asked).fetchall()]
        directions: dict[str, bool] = dict(connection.execute(_METRICS, asked).fetchall())
        values = {name: _values(connection, {**asked, "metric": name}) for name in directions}
    return StudyResults(study, baseline, metric, created, tuple(arms), tuple(runs), directions, values)


def sql_of(query: str, **values: str | None) -> str:
    """A query of this module as `workbench sql` takes it."""
    return with_values(query, values)


def _levels(connection: Connection, study: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for arm, factor, level in connection.execute(_LEVELS, {"study": study}).fetchall():
        found.setdefault(arm, {})[factor] = level
    return found


def _values(connection: Connection, asked: dict[str, Any]) -> dict[str, dict[int, float | None]]:
    found: dict[str, dict[int, float | None]] = {}
    for arm, seed, _, value in connection.execute(VALUES, asked).fetchall():
        found.setdefault(arm, {})[seed] = value
    return found


def _outcome(arm: StudyArm, values: dict[int, float | None]) -> ArmOutcome:
    there = {seed: value for seed, value in values.items() if value is not None and isfinite(value)}
    return ArmOutcome(
        arm=arm.arm,
        values=there,
        missing=tuple(seed for seed in values if seed not in there),
        trainable_params=arm.trainable_params,
        reference=arm.reference,
        change=_change(arm),
        layer_type=arm.layer_type,
        band=arm.band,
    )


def _change(arm: StudyArm) -> str | None:
    """What the arm changes, with the levels of recipe keys: changes that differ in these are not the same."""
    levels = ", ".join(f"{factor}={level}" for factor, level in arm.levels.items() if factor in RECIPE_FACTORS)
    if arm.change is None or not levels:
        return arm.change
    return ", ".join(levels if part == "recipe" else part for part in arm.change.split(", "))
