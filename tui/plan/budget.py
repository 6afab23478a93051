"""What the selection is set to, and what the plan costs: text for the inspector and for the status line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workbench.plan.cost import discount, memory, share_of_base
from workbench.plan.keys import format_value
from workbench.plan.memory import Memory
from workbench.plan.plan import Plan, PlannedSite
from workbench.report.numbers import ABSENT, count, percent, size

_BAR = 20


@dataclass(frozen=True, slots=True)
class Device:
    """Where the plan is to run, with its memory in bytes; None where that is not known."""

    name: str
    total_bytes: int | None


def settings_lines(sites: Sequence[PlannedSite]) -> list[tuple[str, str]]:
    """Key and value of what the sites are set to; `8–16 mixed` where they differ."""
    adapters = [planned.adapter for planned in sites if planned.adapter]
    lines = [("sites", str(len(sites))), ("method", _several(planned.method for planned in sites))]
    if adapters:
        lines += [
            ("rank", _span([adapter.r for adapter in adapters])),
            ("alpha", _span([adapter.alpha for adapter in adapters])),
            ("scaling", _span([p.scaling for p in sites if p.scaling is not None])),
        ]
        if any(adapter.dropout for adapter in adapters):
            lines.append(("dropout", _span([adapter.dropout for adapter in adapters])))
        if any(adapter.balance > 1 for adapter in adapters):
            lines.append(("balance", _span([adapter.balance for adapter in adapters])))
        if any(adapter.pool > 1 for adapter in adapters):
            lines.append(("pool", _span([adapter.pool for adapter in adapters])))
    lines += [
        ("base", _several(planned.base.format for planned in sites)),
        ("trainable", count(sum(planned.trainable_params for planned in sites))),
    ]
    return lines


def budget_lines(plan: Plan, baseline: Plan | None, device: Device, tokens: int) -> list[tuple[str, str]]:
    """Trainable parameters, their share and discount, and peak memory by part against the device."""
    estimate = memory(plan, tokens=tokens, device=device.name)
    lines = [
        ("trainable", f"{count(plan.trainable_params)} ({percent(share_of_base(plan))})"),
        ("discount", percent(discount(plan, baseline)) if baseline else ABSENT),
    ]
    lines += [(name, f"{size(value):>8}  {_bar(value, estimate.total)}") for name, value in _parts(estimate)]
    of = f" of {size(device.total_bytes)}" if device.total_bytes else ""
    fits = "" if device.total_bytes is None else "  fits" if estimate.total <= device.total_bytes else "  too large"
    return [*lines, ("total", f"{size(estimate.total)}{of}{fits} (estimate)")]


def _parts(estimate: Memory) -> Iterable[tuple[str, int]]:
    return ((name, value) for name, value in estimate.parts().items() if name != "total" and value)


def _bar(value: int, total: int) -> str:
    return "▇" * max(1, round(_BAR * value / total)) if total else ""


def _several(words: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(words))
    return " / ".join(distinct) if distinct else ABSENT


def _span(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    if low == high:
        return format_value(int(low) if float(low).is_integer() else low)
    return f"{low:g}–{high:g} mixed"
