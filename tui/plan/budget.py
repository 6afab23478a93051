"""What the selection is set to, and what the plan costs: text for the inspector and for the status line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.plan.devices import Device
from workbench.plan.cost import discount, memory, share_of_base
from workbench.plan.keys import format_value
from workbench.plan.memory import Memory
from workbench.plan.plan import Plan, PlannedSite
from workbench.plan.site import Site
from workbench.report.numbers import ABSENT, count, percent, size

if TYPE_CHECKING:
    from tui.plan.pace import Pace

TOKENS = 2048
_BAR = 16


@dataclass(frozen=True, slots=True)
class Ground:
    """What a plan is judged against: where it is to run, another plan by name, and the speed of earlier runs."""

    device: Device
    baseline: Plan
    baseline_name: str
    pace: "Pace | None" = None


def settings_lines(sites: Sequence[PlannedSite], plan: Plan) -> list[tuple[str, str]]:
    """Key and value of what the sites are set to; `8–16 mixed` where they differ."""
    adapters = [planned.adapter for planned in sites if planned.adapter]
    lines = [("sites", str(len(sites))), ("method", _several(planned.method for planned in sites))]
    if adapters:
        some = "" if len(adapters) == len(sites) else f" at {len(adapters)} of {len(sites)}"
        lines += [
            ("rank", _span([adapter.r for adapter in adapters]) + some),
            ("alpha", _span([adapter.alpha for adapter in adapters])),
            ("scaling", _span([p.scaling for p in sites if p.scaling is not None])),
        ]
        if any(adapter.dropout for adapter in adapters):
            lines.append(("dropout", _span([adapter.dropout for adapter in adapters])))
        if any(adapter.balance > 1 for adapter in adapters):
            lines.append(("balance", _span([adapter.balance for adapter in adapters])))
        if any(adapter.pool > 1 for adapter in adapters):
            lines.append(("pool", _span([adapter.pool for adapter in adapters])))
        if any(adapter.init != "default" for adapter in adapters):
            lines.append(("init", _several(adapter.init for adapter in adapters)))
    sizes = [planned.base.blocksize for planned in sites if planned.base.blocksize]
    return [
        *lines,
        ("base", _several(planned.base.format for planned in sites)),
        *([("blocksize", _span(sizes))] if sizes else []),
        ("in", ", ".join(groups_of([planned.site for planned in sites], plan)) or ABSENT),
        ("trainable", count(sum(planned.trainable_params for planned in sites))),
    ]


def groups_of(sites: Sequence[Site], plan: Plan) -> list[str]:
    """The layer types, bands and groups of the person's own that all these sites are in."""
    types, bands = {site.layer_type for site in sites}, {site.band for site in sites}
    shared = [next(iter(found)) for found in (types, bands) if len(found) == 1]
    names = {site.name for site in sites}
    return [*map(str, shared), *(f"@{name}" for name, members in plan.groups if names <= set(members))]


def budget_lines(plan: Plan, ground: Ground, tokens: int = TOKENS) -> list[tuple[str, str]]:
    """Trainable parameters, their share and discount, the time of a run, and peak memory by part against the device."""
    estimate = estimated(plan, ground, tokens)
    total = ground.device.total_bytes
    return [
        ("trainable", f"{count(plan.trainable_params)} ({percent(share_of_base(plan))})"),
        ("discount", _discount(plan, ground)),
        ("time", ground.pace.said if ground.pace else "not known: no run of this model yet"),
        *((name, f"{size(value):>8}  {_bar(value, total or estimate.total)}") for name, value in _parts(estimate)),
        ("total", f"{fits_text(estimate, ground.device)} (estimate)"),
    ]


def _discount(plan: Plan, ground: Ground) -> str:
    """Of a plan with more parameters than its baseline, how many times as many."""
    saved = discount(plan, ground.baseline)
    if saved is not None and saved < 0:
        return f"none: {1 - saved:.3g} × {ground.baseline_name}"
    return f"{percent(saved)} of {ground.baseline_name}"


def estimated(plan: Plan, ground: Ground, tokens: int = TOKENS) -> Memory:
    return memory(plan, tokens=tokens, device=ground.device.torch_name)


def fits_text(estimate: Memory, device: Device) -> str:
    """`548 MB / 24 GB fits`."""
    if device.total_bytes is None:
        return size(estimate.total)
    fits = "fits" if estimate.total <= device.total_bytes else "too large"
    return f"{size(estimate.total)} / {size(device.total_bytes)} {fits}"


def _parts(estimate: Memory) -> Iterable[tuple[str, int]]:
    return ((name, value) for name, value in estimate.parts().items() if name != "total" and value)


def _bar(value: int, total: int) -> str:
    """A full bar is the whole device; what is less than a block of it is a thin line."""
    blocks = min(_BAR, round(_BAR * value / total)) if total else 0
    return "▇" * blocks or "▏"


def _several(words: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(words))
    return " / ".join(distinct) if distinct else ABSENT


def _span(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    if low == high:
        return format_value(int(low) if float(low).is_integer() else low)
    return f"{low:g}–{high:g} mixed"
