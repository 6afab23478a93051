"""What runs of a study logged on their way and measured at their sites, for figures."""

from typing import NamedTuple

from store.connection import reading
from workbench.run.layout import Home

_CURVES = """with arms as (from arms_of($study, $baseline))
select arm, step, count(*)::integer as n, min(value), avg(value), max(value)
from run_metrics join (select distinct arm, run_id from arms where finished and not reference) using (run_id)
where name = 'loss' and isfinite(value) and list_contains($arms, arm)
group by arm, step order by arm, step"""
_SITES = """with arms as (from arms_of($study, $baseline))
select block, module, avg(update_norm), avg(effective_rank), avg(quant_error)
from run_sites join (select distinct run_id from arms where finished and arm = $baseline) using (run_id)
group by block, module order by block, min(run_sites.rowid)"""


class CurvePoint(NamedTuple):
    """The training loss of an arm at a step: over how many seeds, and the lowest, mean and highest."""

    arm: str
    step: int
    n: int
    low: float
    mean: float
    high: float


class SiteMeans(NamedTuple):
    """A site of the baseline, as the mean over its finished runs; None for what was not measured."""

    block: int
    module: str
    update_norm: float | None
    effective_rank: float | None
    quant_error: float | None


def training_curves(home: Home, study: str, baseline: str, arms: list[str]) -> list[CurvePoint]:
    """Errors as `reading`."""
    with reading(home) as connection:
        asked = {"study": study, "baseline": baseline, "arms": arms}
        return [CurvePoint(*row) for row in connection.execute(_CURVES, asked).fetchall()]


def site_means(home: Home, study: str, baseline: str) -> list[SiteMeans]:
    """Errors as `reading`."""
    with reading(home) as connection:
        rows = connection.execute(_SITES, {"study": study, "baseline": baseline}).fetchall()
    return [SiteMeans(*row) for row in rows]
