"""What a plan costs: parameters by group, the share of the base, the discount, and the answer of `plan check`."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from workbench.plan.flops import Flops, flops_per_token
from workbench.plan.memory import DEFAULT_TOKENS, Memory, memory, trainable_bytes
from workbench.plan.model_map import site_json
from workbench.plan.plan import Plan, PlannedSite
from workbench.plan.select import BUILT_IN_GROUPS

if TYPE_CHECKING:
    from workbench.plan.check import PlanCheck

__all__ = [
    "DEFAULT_TOKENS",
    "Flops",
    "GroupCost",
    "Memory",
    "discount",
    "flops_per_token",
    "group_costs",
    "memory",
    "plan_check_json",
    "share_of_base",
    "trainable_bytes",
]


@dataclass(frozen=True, slots=True)
class GroupCost:
    """One layer group: how many sites, how many of them adapted, and their parameters and bytes."""

    name: str
    sites: int
    adapted: int
    params: int
    trainable_params: int
    base_bytes: int


def group_costs(plan: Plan) -> tuple[GroupCost, ...]:
    """Layer types, bands and the user's groups, then `all`. Groups may share sites, so they do not add up."""
    costs = [
        _group_cost(name, [planned for planned in plan.sites if name in (planned.site.layer_type, planned.site.band)])
        for name in BUILT_IN_GROUPS
    ]
    for name, names in plan.groups:
        costs.append(_group_cost(name, [planned for planned in plan.sites if planned.site.name in set(names)]))
    return (*costs, _group_cost("all", list(plan.sites)))


def _group_cost(name: str, sites: list[PlannedSite]) -> GroupCost:
    return GroupCost(
        name=name,
        sites=len(sites),
        adapted=sum(planned.adapter is not None for planned in sites),
        params=sum(planned.site.params for planned in sites),
        trainable_params=sum(planned.trainable_params for planned in sites),
        base_bytes=sum(planned.base_bytes for planned in sites),
    )


def share_of_base(plan: Plan) -> float:
    """Trainable parameters over those of the base, embeddings and head included."""
    return plan.trainable_params / plan.map.base_params


def discount(plan: Plan, baseline: Plan) -> float | None:
    """1 − trainable parameters / trainable parameters of the baseline; None where the baseline trains nothing."""
    return 1 - plan.trainable_params / baseline.trainable_params if baseline.trainable_params else None


def plan_check_json(check: "PlanCheck", estimate: Memory | None = None) -> dict[str, Any]:
    """What `plan check --json` prints. `estimate` is for a recipe; without one, fp32 on the CPU and DEFAULT_TOKENS.

    Of a plan that cannot be resolved, numbers are null and sites empty.
    """
    plan = check.plan
    answer = {
        "ok": check.ok,
        "name": plan.name if plan else None,
        "hash": plan.hash if plan else None,
        "reference": plan.reference if plan else None,
        "trainable_params": plan.trainable_params if plan else None,
        "base_params": plan.map.base_params if plan else None,
        "memory": _memory_json(estimate or memory(plan)) if plan else None,
        "groups": [asdict(cost) for cost in group_costs(plan)] if plan else [],
        "sites": [planned_json(planned) for planned in plan.sites] if plan else [],
        "losses_of_merge": {reason: list(names) for reason, names in plan.losses_of_merge.items()} if plan else {},
        "warnings": [{"where": p.where, "message": p.message, "hint": p.hint} for p in check.warnings],
        "errors": [{"where": p.where, "message": p.message, "hint": p.hint} for p in check.errors],
    }
    return answer


def _memory_json(estimate: Memory) -> dict[str, int]:
    return {**estimate.parts(), "tokens": estimate.tokens}


def planned_json(planned: PlannedSite) -> dict[str, Any]:
    """A site with what the plan sets there; the adapter's keys are null where nothing is adapted."""
    adapter = planned.adapter
    return {
        **site_json(planned.site),
        "base": planned.base.format,
        "blocksize": planned.base.blocksize,
        "double_quant": planned.base.double_quant,
        "bits": planned.bits,
        "method": planned.method,
        "r": adapter.r if adapter else None,
        "alpha": adapter.alpha if adapter else None,
        "scaling": planned.scaling,
        "dropout": adapter.dropout if adapter else None,
        "balance": adapter.balance if adapter else None,
        "pool": adapter.pool if adapter else None,
        "init": adapter.init if adapter else None,
        "mergeable": planned.loss_of_merge is None,
        "trainable_params": planned.trainable_params,
    }
