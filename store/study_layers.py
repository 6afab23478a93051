"""What runs of a study logged on their way and measured at their sites, for figures."""

from typing import NamedTuple

from store.connection import reading
from workbench.run.layout import Home

_CURVES = """with arms as (from arms_of($study, $baseline))
select arm, seed, list(step order by step), list(if(isfinite(value), value, null) order by step)
from run_metrics join (select distinct arm, seed, run_id from arms where finished and not reference) using (run_id)
where name = 'loss' and list_contains($arms, arm)
group by arm, seed order by list_position($arms, arm), seed"""
_SITES = """with arms as (from arms_of($study, $baseline))
select block, module, avg(update_norm), avg(effective_rank), avg(quant_error)
from run_sites join (select distinct run_id from arms where finished and arm = $baseline) using (run_id)
group by block, module order by block, min(run_sites.rowid)"""


class TrainingCurve(NamedTuple):
    """The training loss that a run logged, by step; None where it was no number."""

    arm: str
    seed: int
    steps: tuple[int, ...]
    values: tuple[float | None, ...]


class SiteMeans(NamedTuple):
    """A site of the baseline, as the mean over its finished runs; None for what was not measured."""

    block: int
    module: str
    update_norm: float | None
    effective_rank: float | None
    quant_error: float | None


def training_curves(home: Home, study: str, baseline: str, arms: list[str]) -> list[TrainingCurve]:
    """The curves of these arms, in their order. Errors as `reading`."""
    with reading(home) as connection:
        asked = {"study": study, "baseline": baseline, "arms": arms}
        rows = connection.execute(_CURVES, asked).fetchall()
    return [TrainingCurve(arm, seed, tuple(steps), tuple(values)) for arm, seed, steps, values in rows]


def site_means(home: Home, study: str, baseline: str) -> list[SiteMeans]:
    """Errors as `reading`."""
    with reading(home) as connection:
        rows = connection.execute(_SITES, {"study": study, "baseline": baseline}).fetchall()
    return [SiteMeans(*row) for row in rows]
