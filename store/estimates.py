"""The metrics of a plan over its seeds, with paired differences from the baseline."""

from collections.abc import Iterator
from functools import lru_cache
from math import sqrt
from typing import NamedTuple

from store.comparison import Estimate, PlanRow
from store.connection import Connection
from store.entries import Entry
from store.groups import discount
from workbench.study.statistics import student_t_quantile

LEVEL = 0.95
_KNOWN = ("loss", "token_accuracy", "exact_match")
_FINAL = """
create temp table final as
select entry, seed, run_id, metric, value, higher_is_better
from final_values join member using (run_id)
"""
_SPREADS = """
select f.entry, f.metric, bool_or(f.higher_is_better),
  count(*), avg(f.value), stddev_samp(f.value),
  count(b.value), avg(f.value - b.value), stddev_samp(f.value - b.value)
from final f
left join (select seed, metric, value from final where entry = $base) b using (seed, metric)
group by f.entry, f.metric
"""
_COMMON = """
select entry, count(*) from member where seed in (select seed from member where entry = $base) group by entry
"""
_EMPTY = """
select entry, list(run_id order by position) from member
where run_id not in (select run_id from final) group by entry
"""


class _Spread(NamedTuple):
    """A metric over the seeds of an entry, and over those that it has in common with the baseline."""

    higher_is_better: bool
    n: int
    mean: float
    sd: float | None
    pairs: int
    delta: float | None
    delta_sd: float | None


def plan_rows(connection: Connection, entries: list[Entry], base: Entry) -> dict[int, PlanRow]:
    """The entries as a whole, against the baseline, by their numbers. A value that is not a number is left out.

    Reads the table `member` of this connection and makes `final`, the last evaluations of its runs.
    """
    connection.execute(_FINAL)
    found: dict[int, dict[str, _Spread]] = {}
    for number, metric, *values in connection.execute(_SPREADS, {"base": base.number}).fetchall():
        found.setdefault(number, {})[metric] = _Spread._make(values)
    return {
        entry.number: _plan_row(entry, base, found.get(entry.number, {}), found.get(base.number, {}))
        for entry in entries
    }


def _plan_row(entry: Entry, base: Entry, own: dict[str, _Spread], others: dict[str, _Spread]) -> PlanRow:
    ordered = sorted(own, key=lambda name: (_KNOWN.index(name) if name in _KNOWN else len(_KNOWN), name))
    return PlanRow(
        plan=entry.label,
        seeds=entry.seeds,
        trainable_params=entry.trainable_params,
        discount=discount(entry.trainable_params, base.trainable_params),
        metrics={name: _estimate(entry, base, own[name], others.get(name)) for name in ordered},
        seconds=entry.seconds,
        peak_bytes=entry.peak_bytes,
        adapter_bytes=entry.adapter_bytes,
    )


def _estimate(entry: Entry, base: Entry, own: _Spread, other: _Spread | None) -> Estimate:
    delta, half = _difference(entry, base, own, other)
    ci = (delta - half, delta + half) if delta is not None and half is not None else None
    return Estimate(own.n, own.mean, own.sd, delta, ci, own.higher_is_better)


def _difference(entry: Entry, base: Entry, own: _Spread, other: _Spread | None) -> tuple[float | None, float | None]:
    """The delta, and half of its t interval of paired differences where there are two pairs or more."""
    if entry is base:
        return 0.0, None
    if (entry.reference or base.reference) and other:
        return own.mean - other.mean, None
    if own.delta_sd is None:
        return own.delta, None
    return own.delta, _t(own.pairs - 1) * own.delta_sd / sqrt(own.pairs)


@lru_cache
def _t(df: int) -> float:
    return student_t_quantile((1 + LEVEL) / 2, df)


def unpaired(connection: Connection, entries: list[Entry], base: Entry) -> Iterator[str]:
    """Warnings for plans that share not all seeds with the baseline, and for runs whose evaluation is no number.

    Reads what `plan_rows` made.
    """
    common: dict[int, int] = dict(connection.execute(_COMMON, {"base": base.number}).fetchall())
    empty: dict[int, list[str]] = dict(connection.execute(_EMPTY).fetchall())
    for entry in entries:
        shared = common.get(entry.number, 0)
        if not (entry.reference or base.reference) and shared < max(entry.seeds, base.seeds):
            yield (
                f"{entry.label} and the baseline {base.label} have {shared} seeds in common "
                f"({entry.seeds} and {base.seeds} run): deltas use those alone"
            )
        if entry.number in empty:
            yield f"{entry.label}: no usable final evaluation in {', '.join(empty[entry.number])}"
