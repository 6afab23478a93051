"""What finished runs measured at their sites, for the map: each function is for a thread."""

from collections.abc import Mapping
from dataclasses import dataclass

from tui.aside import ingested_aside
from workbench.errors import NotFoundError
from workbench.run.layout import Home

_MOST = 2000
_RUNS = """
select run_id, name, plan, strftime(ended, '%Y-%m-%d %H:%M') from runs
where status = 'finished' and model = '{model}' and not coalesce(reference, false) order by ended desc
"""
_VALUES = "select site, {expression} from run_sites where run_id = '{run_id}'"


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something measured at every site; `unit` says of what kind of number it is."""

    name: str
    unit: str
    expression: str


QUANTITIES = {
    quantity.name: quantity
    for quantity in (
        Quantity("update norm", "‖ΔW‖", "update_norm"),
        Quantity("relative update", "‖ΔW‖/‖W‖", "update_norm / nullif(weight_norm, 0)"),
        Quantity("gradient norm", "mean over steps", "grad_norm"),
        Quantity("effective rank", "directions", "effective_rank"),
        Quantity("quantization error", "‖W−Ŵ‖/‖W‖", "quant_error"),
        Quantity("weight norm", "‖W‖", "weight_norm"),
    )
}


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run that has something to show; `ended` is its day and minute."""

    run_id: str
    name: str
    plan: str
    ended: str


@dataclass(frozen=True, slots=True)
class Measured:
    """A quantity of one run by the full names of its sites."""

    quantity: Quantity
    run: FinishedRun
    values: Mapping[str, float]


def finished_runs(home: Home, model: str) -> tuple[FinishedRun, ...]:
    """The finished runs over this model that trained, the newest first, after logs were taken in.

    None without runs, and nothing is created then. Errors as `ingest` and `query`.
    """
    if not home.runs.is_dir():
        return ()
    from store.ingest import ingest
    from store.sandbox import query

    ingested_aside(home)
    ingest(home)
    try:
        rows = query(home, _RUNS.format(model=model.replace("'", "''")), _MOST).rows
    except NotFoundError:
        return ()
    return tuple(FinishedRun(*map(str, row)) for row in rows)


def measured(home: Home, run: FinishedRun, quantity: Quantity) -> Measured:
    """Raises NotFoundError where the run measured nothing of it, and as `query`."""
    from store.sandbox import query

    sql = _VALUES.format(expression=quantity.expression, run_id=run.run_id)
    values = {str(site): float(value) for site, value in query(home, sql, 100_000).rows if value is not None}
    if not values:
        raise NotFoundError(f"{run.name} has no {quantity.name} of any site", "choose another quantity, or another run")
    return Measured(quantity, run, values)
