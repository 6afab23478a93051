"""The metrics of a plan over its seeds, with paired differences from the baseline."""

from dataclasses import dataclass
from statistics import fmean

from store.comparison import Estimate, PlanRow
from store.connection import Connection
from store.entries import Entry
from store.groups import discount, mean_known
from workbench.study.statistics import mean_sd, paired_delta_interval

_KNOWN = ("loss", "token_accuracy", "exact_match")
_FINAL = """
select run_id, case when metric = evaluator then metric else evaluator || '.' || metric end, value, higher_is_better
from final_evals where run_id in (select unnest($runs)) and value is not null and not isnan(value)
"""


@dataclass(frozen=True, slots=True)
class Final:
    """The last value of a metric in one run, and its direction."""

    value: float
    higher_is_better: bool


Finals = dict[str, dict[str, Final]]


def finals(connection: Connection, run_ids: list[str]) -> Finals:
    """By run and metric, the values after the last step; a value that is not a number is left out."""
    found: Finals = {run_id: {} for run_id in run_ids}
    for run_id, metric, value, higher_is_better in connection.execute(_FINAL, {"runs": run_ids}).fetchall():
        found[run_id][metric] = Final(value, bool(higher_is_better))
    return found


def plan_row(entry: Entry, base: Entry, values: Finals) -> PlanRow:
    """The entry as a whole, against the baseline."""
    runs = entry.runs.values()
    names = {name for run in runs for name in values[run.run_id]}
    ordered = sorted(names, key=lambda name: (_KNOWN.index(name) if name in _KNOWN else len(_KNOWN), name))
    return PlanRow(
        plan=entry.label,
        seeds=len(runs),
        trainable_params=entry.trainable_params,
        discount=discount(entry.trainable_params, base.trainable_params),
        metrics={name: _estimate(entry, base, values, name) for name in ordered},
        seconds=mean_known(run.seconds for run in runs),
        peak_bytes=max((run.peak_bytes for run in runs if run.peak_bytes is not None), default=None),
        adapter_bytes=mean_known(run.adapter_bytes for run in runs),
    )


def _estimate(entry: Entry, base: Entry, values: Finals, metric: str) -> Estimate:
    own, others = _by_seed(entry, values, metric), _by_seed(base, values, metric)
    mean, sd = mean_sd([final.value for final in own.values()])
    delta, ci = _difference(entry, base, own, others)
    return Estimate(len(own), mean, sd, delta, ci, next(iter(own.values())).higher_is_better)


def _by_seed(entry: Entry, values: Finals, metric: str) -> dict[int, Final]:
    return {seed: values[run.run_id][metric] for seed, run in entry.runs.items() if metric in values[run.run_id]}


def _difference(
    entry: Entry, base: Entry, own: dict[int, Final], others: dict[int, Final]
) -> tuple[float | None, tuple[float, float] | None]:
    if entry is base:
        return 0.0, None
    if (entry.reference or base.reference) and others:
        return fmean(final.value for final in own.values()) - fmean(final.value for final in others.values()), None
    deltas = [own[seed].value - others[seed].value for seed in own if seed in others]
    return paired_delta_interval(deltas) if deltas else (None, None)


def unpaired(entries: list[Entry], base: Entry, values: Finals) -> list[str]:
    """Warnings for plans that share not all seeds with the baseline, and for runs whose evaluation is no number."""
    warnings = []
    for entry in entries:
        common = entry.runs.keys() & base.runs.keys()
        if not (entry.reference or base.reference) and len(common) < max(len(entry.runs), len(base.runs)):
            warnings.append(
                f"{entry.label} and the baseline {base.label} have {len(common)} seeds in common "
                f"({len(entry.runs)} and {len(base.runs)} run): deltas use those alone"
            )
        empty = [run.run_id for run in entry.runs.values() if not values[run.run_id]]
        if empty:
            warnings.append(f"{entry.label}: no usable final evaluation in {', '.join(empty)}")
    return warnings
