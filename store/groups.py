"""The layer groups of a comparison: figures per run and group, then means over the seeds of a plan."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from store.comparison import GroupRow
from store.connection import Connection
from store.entries import Entry
from workbench.errors import NotFoundError, UsageError
from workbench.nearest import nearest

KINDS = ("all", "type", "band", "type,band", "module", "block")
REST = "(rest)"

_FIGURES = """
with member as (
  select * from site_groups
  where run_id in (select unnest($runs)) and group_kind = $kind
    and ($kind <> '@' or group_name in (select unnest($names)))
  union all by name
  select '@' as group_kind, $rest as group_name, s.*, s.rowid as position
  from run_sites s
  where $kind = '@' and run_id in (select unnest($runs)) and (run_id, site) not in (
    select (run_id, site) from site_groups where group_kind = '@' and group_name in (select unnest($names))
  )
)
select run_id, group_name, sites, adapted, r_min, r_max, trainable_params,
  update_norm, relative_update, effective_rank, quant_error
from figures_of('member')
order by list_position($names, group_name) nulls last, position
"""
_SHARED = """
select count(distinct site) from (
  select site from site_groups
  where run_id in (select unnest($runs)) and group_kind = '@' and group_name in (select unnest($names))
  group by run_id, site having count(*) > 1
)
"""
_KNOWN = "select distinct group_name from site_groups where group_kind = '@' and run_id in (select unnest($runs))"


@dataclass(frozen=True, slots=True)
class Figures:
    """A layer group of one run; the last four are norms and ranks, None where they were not measured."""

    run_id: str
    group: str
    sites: int
    adapted: int
    r_min: int | None
    r_max: int | None
    trainable_params: int
    update_norm: float | None
    relative_update: float | None
    effective_rank: float | None
    quant_error: float | None


def parse_by(by: str) -> tuple[str, list[str]]:
    """The kind of grouping, and the groups named (for kind `@` only). Raises UsageError for another word."""
    if by.startswith("@"):
        names = [name.strip() for name in by.split(",")]
        if all(name.startswith("@") and len(name) > 1 for name in names):
            return "@", list(dict.fromkeys(names))
    if by in KINDS:
        return by, []
    raise UsageError(f"cannot group by '{by}'", f"{nearest(by, KINDS)}; or @group[,@group]")


def figures(connection: Connection, run_ids: list[str], by: str) -> tuple[list[Figures], list[str]]:
    """The figures of the runs' groups, in model order (in the order named for `@`), and warnings.

    Sites in none of the named groups stand in `(rest)`. Raises NotFoundError for a group no chosen model has.
    """
    kind, names = parse_by(by)
    warnings = _check_named(connection, run_ids, names) if names else []
    rows = connection.execute(_FIGURES, {"runs": run_ids, "kind": kind, "names": names, "rest": REST}).fetchall()
    return [Figures(*row) for row in rows], warnings


def _check_named(connection: Connection, run_ids: list[str], names: list[str]) -> list[str]:
    known = sorted(name for (name,) in connection.execute(_KNOWN, {"runs": run_ids}).fetchall())
    for name in names:
        if name not in known:
            hint = nearest(name, known) if known else "groups are defined in plans and in groups.yaml"
            raise NotFoundError(f"no group '{name}' in the runs compared", hint)
    [(shared,)] = connection.execute(_SHARED, {"runs": run_ids, "names": names}).fetchall()
    return [f"{shared} sites are in several of {', '.join(names)}, and count in each"] if shared else []


def group_rows(entries: Iterable[Entry], base: Entry, found: Sequence[Figures]) -> list[GroupRow]:
    """One row per entry and group that it has."""
    by_run: dict[str, dict[str, Figures]] = {}
    for item in found:
        by_run.setdefault(item.run_id, {})[item.group] = item
    base_groups = _by_group(base, by_run)
    return [
        _row(entry.label, group, members, base_groups.get(group))
        for entry in entries
        for group, members in _by_group(entry, by_run).items()
    ]


def _by_group(entry: Entry, by_run: dict[str, dict[str, Figures]]) -> dict[str, list[Figures]]:
    groups: dict[str, list[Figures]] = {}
    for run in entry.runs.values():
        for group, item in by_run.get(run.run_id, {}).items():
            groups.setdefault(group, []).append(item)
    return groups


def _row(plan: str, group: str, members: list[Figures], base: list[Figures] | None) -> GroupRow:
    first = members[0]
    return GroupRow(
        plan=plan,
        group=group,
        seeds=len(members),
        sites=first.sites,
        adapted=first.adapted,
        rank=_rank(first),
        trainable_params=first.trainable_params,
        discount=discount(first.trainable_params, base[0].trainable_params if base else 0),
        update_norm=mean_known(item.update_norm for item in members),
        relative_update=mean_known(item.relative_update for item in members),
        effective_rank=mean_known(item.effective_rank for item in members),
        quant_error=mean_known(item.quant_error for item in members),
    )


def _rank(group: Figures) -> str:
    if group.r_min is None:
        return "–"
    return str(group.r_min) if group.r_min == group.r_max else f"{group.r_min}–{group.r_max}"


def discount(trainable: int, base: int) -> float | None:
    """1 − trainable parameters / those of the baseline; None where the baseline trains nothing."""
    return 1 - trainable / base if base else None


def mean_known(values: Iterable[float | None]) -> float | None:
    """The mean of the values that are there, None when none is."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
