"""What `compare` answers: plans against a baseline, as a whole and per layer group."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric over the seeds of a plan.

    `n` counts the seeds that have it; `sd` is None for one seed. `delta` is the mean over common seeds of plan minus
    baseline and `ci` its 95 % t interval, None below two common seeds. Where either side is a reference run, whose
    result no seed changes, `delta` is the difference of the means, and there is no `ci`.
    """

    n: int
    mean: float
    sd: float | None
    delta: float | None
    ci: tuple[float, float] | None
    higher_is_better: bool


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan (or reference) as a whole. `seconds` of training and `adapter_bytes` are means, `peak_bytes` the largest.

    `discount` is 1 − trainable parameters / those of the baseline, None where the baseline trains nothing.
    """

    plan: str
    seeds: int
    trainable_params: int
    discount: float | None
    metrics: dict[str, Estimate]
    seconds: float | None
    peak_bytes: int | None
    adapter_bytes: float | None


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A layer group of a plan; the four norms and the effective rank are means over its seeds.

    `rank` reads `16`, `4–16`, or `–` where no site is adapted. `discount` is against the baseline's same group.
    """

    plan: str
    group: str
    seeds: int
    sites: int
    adapted: int
    rank: str
    trainable_params: int
    discount: float | None
    update_norm: float | None
    relative_update: float | None
    effective_rank: float | None
    quant_error: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Plans in the order chosen; `groups` of plans and references alike; `baseline` is one of their labels."""

    baseline: str
    by: str
    plans: tuple[PlanRow, ...]
    groups: tuple[GroupRow, ...]
    references: tuple[PlanRow, ...]
    warnings: tuple[str, ...]

    def to_rows(self) -> list[dict[str, Any]]:
        """One row of plain values per plan and layer group: the group's figures, then the plan's metrics and costs."""
        plans = {row.plan: row for row in (*self.plans, *self.references)}
        references = {row.plan for row in self.references}
        return [
            asdict(group)
            | _whole(plans[group.plan])
            | {"baseline": group.plan == self.baseline, "reference": group.plan in references}
            for group in self.groups
        ]


def _whole(row: PlanRow) -> dict[str, Any]:
    return {
        "plan_trainable_params": row.trainable_params,
        "plan_discount": row.discount,
        **{name: asdict(estimate) | {"ci": _listed(estimate.ci)} for name, estimate in row.metrics.items()},
        "seconds": row.seconds,
        "peak_bytes": row.peak_bytes,
        "adapter_bytes": row.adapter_bytes,
    }


def _listed(ci: tuple[float, float] | None) -> list[float] | None:
    return list(ci) if ci else None
