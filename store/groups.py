"""The layer groups of a comparison: figures per run and group, then means over the seeds of a plan."""

from collections.abc import Iterable
from typing import NamedTuple

from store.comparison import GroupRow
from store.connection import Connection
from store.entries import Entry
from workbench.errors import NotFoundError, UsageError
from workbench.nearest import nearest

KINDS = ("all", "type", "band", "type,band", "module", "block")
REST = "(rest)"

_BUILT_IN = """
select s.*, s.rowid as position, $kind as group_kind,
  built_in_group($kind, layer_type, band, module, block) as group_name
from run_sites s {only_members}
"""
_NAMED = """
with named as (
  select * from site_groups
  where group_kind = '@' and list_contains($names, group_name) and run_id in (select run_id from member)
)
from named
union all by name
select s.*, s.rowid as position, '@' as group_kind, $rest as group_name
from run_sites s where run_id in (select run_id from member) and (run_id, site) not in (select run_id, site from named)
"""
# Figures are of runs, and the group of a plan has their means; what the seeds share is taken from any of them.
_FIGURES = """
with placed as ({placed}), figures as (from figures_of('placed'))
select entry, group_name, count(*), any_value(sites), any_value(adapted), any_value(r_min), any_value(r_max),
  any_value(f.trainable_params), avg(update_norm), avg(relative_update), avg(effective_rank), avg(quant_error)
from figures f join member using (run_id)
group by entry, group_name
order by entry, list_position($names, group_name) nulls last, min(f.position)
"""
_SHARED = """
select count(distinct site) from (
  select site from site_groups
  where run_id in (select run_id from member) and group_kind = '@' and list_contains($names, group_name)
  group by run_id, site having count(*) > 1
)
"""
_KNOWN = """
select distinct group_name from site_groups where group_kind = '@' and run_id in (select run_id from member) order by 1
"""


class Figures(NamedTuple):
    """A layer group of an entry; the last four are means over its seeds, None where they were not measured."""

    group: str
    seeds: int
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


def figures(connection: Connection, by: str) -> tuple[dict[int, list[Figures]], list[str]]:
    """The figures of the entries' groups, in model order (in the order named for `@`), and warnings.

    Reads the table `member` of this connection. Sites in none of the named groups stand in `(rest)`.
    Raises NotFoundError for a group no chosen model has.
    """
    kind, names = parse_by(by)
    warnings = _check_named(connection, names) if names else []
    placed, values = (_NAMED, {"rest": REST}) if names else (_built_in(connection), {"kind": kind})
    # Every site of every run compared is read: the one thing here that is worth a second thread.
    connection.execute("set threads = 2")
    found: dict[int, list[Figures]] = {}
    for number, *row in connection.execute(_FIGURES.format(placed=placed), {"names": names, **values}).fetchall():
        found.setdefault(number, []).append(Figures._make(row))
    return found, warnings


def _built_in(connection: Connection) -> str:
    """The sites, of the runs compared alone where those are few: where they are most, to look each up costs more."""
    [(few,)] = connection.execute("select (select count(*) from member) * 2 < (select count(*) from runs)").fetchall()
    return _BUILT_IN.format(only_members="where run_id in (select run_id from member)" if few else "")


def _check_named(connection: Connection, names: list[str]) -> list[str]:
    known = [name for (name,) in connection.execute(_KNOWN).fetchall()]
    for name in names:
        if name not in known:
            hint = nearest(name, known) if known else "groups are defined in plans and in groups.yaml"
            raise NotFoundError(f"no group '{name}' in the runs compared", hint)
    [(shared,)] = connection.execute(_SHARED, {"names": names}).fetchall()
    return [f"{shared} sites are in several of {', '.join(names)}, and count in each"] if shared else []


def group_rows(entries: Iterable[Entry], base: Entry, found: dict[int, list[Figures]]) -> list[GroupRow]:
    """One row per entry and group that it has."""
    base_params = {group.group: group.trainable_params for group in found.get(base.number, [])}
    return [
        _row(entry.label, group, base_params.get(group.group, 0))
        for entry in entries
        for group in found.get(entry.number, [])
    ]


def _row(plan: str, group: Figures, base_params: int) -> GroupRow:
    return GroupRow(
        plan=plan,
        group=group.group,
        seeds=group.seeds,
        sites=group.sites,
        adapted=group.adapted,
        rank=_rank(group),
        trainable_params=group.trainable_params,
        discount=discount(group.trainable_params, base_params),
        update_norm=group.update_norm,
        relative_update=group.relative_update,
        effective_rank=group.effective_rank,
        quant_error=group.quant_error,
    )


def _rank(group: Figures) -> str:
    if group.r_min is None:
        return "–"
    return str(group.r_min) if group.r_min == group.r_max else f"{group.r_min}–{group.r_max}"


def discount(trainable: int, base: int) -> float | None:
    """1 − trainable parameters / those of the baseline; None where the baseline trains nothing."""
    return 1 - trainable / base if base else None
