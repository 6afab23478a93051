"""A comparison as tables: one of plans, one of layer groups, or both in one for CSV."""

from typing import TYPE_CHECKING, Any

from workbench.report.numbers import ABSENT, count, decimal, percent, seconds, signed, size
from workbench.report.table import Column, Table

if TYPE_CHECKING:
    from store.comparison import Comparison, Estimate, GroupRow, PlanRow


def plan_table(comparison: "Comparison") -> Table:
    """A row per plan, the references last: parameters, every metric with its delta, costs."""
    rows = (*comparison.plans, *comparison.references)
    # Parts of an evaluator (its subjects) are too many for columns; JSON and CSV have them.
    metrics = list(dict.fromkeys(name for row in rows for name in row.metrics if "/" not in name))
    headings = ["seeds", "trainable", "discount"]
    for name in metrics:
        arrow = "↑" if any(r.metrics[name].higher_is_better for r in rows if name in r.metrics) else "↓"
        headings += [f"{name} {arrow}", "Δ"]
    columns = (Column("plan", "left"), *map(Column, [*headings, "time", "peak", "adapter"]))
    return Table(columns, tuple(_plan_cells(row, metrics, comparison) for row in rows))


def _plan_cells(row: "PlanRow", metrics: list[str], comparison: "Comparison") -> tuple[str, ...]:
    is_baseline = row.plan == comparison.baseline
    estimates = [cell for name in metrics for cell in _estimate_cells(row.metrics.get(name), is_baseline)]
    return (
        f"{row.plan} (baseline)" if is_baseline else row.plan,
        str(row.seeds),
        count(row.trainable_params),
        percent(row.discount),
        *estimates,
        seconds(row.seconds),
        size(row.peak_bytes),
        size(row.adapter_bytes),
    )


def _estimate_cells(estimate: "Estimate | None", is_baseline: bool) -> tuple[str, str]:
    """Mean ± standard deviation, and the delta ± half of its 95 % interval where there is one."""
    if estimate is None:
        return ABSENT, ABSENT
    spread = f" ± {estimate.sd:.3f}" if estimate.sd is not None else ""
    interval = f" ± {(estimate.ci[1] - estimate.ci[0]) / 2:.3f}" if estimate.ci else ""
    return f"{estimate.mean:.4f}{spread}", ABSENT if is_baseline else signed(estimate.delta) + interval


def group_table(comparison: "Comparison") -> Table:
    """A row per plan and layer group."""
    headings = ("sites", "rank", "trainable", "discount", "‖ΔW‖", "‖ΔW‖/‖W‖", "eff. rank", "quant. error")
    columns = (Column("plan", "left"), Column("group", "left"), *map(Column, headings))
    return Table(columns, tuple(_group_cells(row) for row in comparison.groups), keys=2)


def _group_cells(row: "GroupRow") -> tuple[str, ...]:
    return (
        row.plan,
        row.group,
        str(row.sites),
        row.rank,
        count(row.trainable_params),
        percent(row.discount),
        decimal(row.update_norm, 2),
        decimal(row.relative_update),
        decimal(row.effective_rank, 2),
        decimal(row.quant_error),
    )


def flat_table(comparison: "Comparison") -> Table:
    """Every figure in full, one row per plan and group: for CSV."""
    rows = [_flat(row) for row in comparison.to_rows()]
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = tuple(tuple("" if row.get(name) is None else str(row[name]) for name in names) for row in rows)
    return Table(tuple(Column(name, "left") for name in names), cells)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            ci = value.pop("ci", None)
            flat |= {f"{name}_{key}": item for key, item in value.items()}
            flat |= {f"{name}_ci_low": ci[0], f"{name}_ci_high": ci[1]} if ci else {}
        else:
            flat[name] = value
    return flat
