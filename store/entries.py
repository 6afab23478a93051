"""Runs of one plan under one recipe, data and model, with a label that tells them apart."""

from collections.abc import Iterable
from dataclasses import dataclass

from store.connection import Connection
from store.selection import Key

_PARTS = {
    "plan_hash": "contents",
    "recipe_hash": "recipes",
    "data_hash": "data",
    "model_fingerprint": "models",
}
_KEY = ", ".join(Key._fields)
# An entry is numbered by the position of its first run. Of its runs with one seed the last holds.
_MEMBERS = f"""
create temp table member as
with key as (select {_KEY}, min(position) as entry from named join candidate using (place) group by all),
  last as (
    select entry, seed, max(position) as position, arg_max(place, position) as place
    from named join candidate using (place) join key using ({_KEY}) group by entry, seed
  )
select entry, l.seed, position, place, run_id from last l join candidate using (place)
"""
_ENTRIES = f"""
with summed as (
  select entry, min(place) as place, bool_and(reference), count(*), any_value(trainable_params), avg(train_seconds),
    max(peak_bytes), avg(adapter_bytes)
  from member join candidate using (place) group by entry
)
select {_KEY}, summed.* exclude (place) from summed join candidate using (place) order by entry
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """The runs of one key, one per seed, under a number by which the tables of the comparison know it.

    `label` is the plan's name, with `#hash6` where several keys have that name. `seconds` of training and
    `adapter_bytes` are means over the seeds, `peak_bytes` the largest.
    """

    label: str
    key: Key
    number: int
    reference: bool
    seeds: int
    trainable_params: int
    seconds: float | None
    peak_bytes: int | None
    adapter_bytes: float | None


def entries_of(connection: Connection) -> tuple[list[Entry], list[str]]:
    """The named runs as entries, in the order of first appearance, and a warning for every ambiguous plan name.

    Makes the table `member` of this connection: a row per run that counts, with the number of its `entry`.
    """
    connection.execute(_MEMBERS)
    rows = connection.execute(_ENTRIES).fetchall()
    keys = [Key(*row[: len(Key._fields)]) for row in rows]
    by_plan: dict[str, list[Key]] = {}
    for key in keys:
        by_plan.setdefault(key.plan, []).append(key)
    entries = [
        Entry(_label(key, by_plan[key.plan]), key, *row[len(Key._fields) :])
        for key, row in zip(keys, rows, strict=True)
    ]
    return entries, _ambiguities(entries)


def _label(key: Key, same: list[Key]) -> str:
    """The plan's own hash where that tells the namesakes apart, else one of everything that may differ."""
    if len(same) == 1:
        return key.plan
    plan_hashes = {other.plan_hash[:6] for other in same}
    return f"{key.plan}#{key.plan_hash[:6] if len(plan_hashes) == len(same) else key.short}"


def _ambiguities(entries: list[Entry]) -> list[str]:
    by_plan: dict[str, list[Entry]] = {}
    for entry in entries:
        by_plan.setdefault(entry.key.plan, []).append(entry)
    return [
        f"plan '{plan}' was run with different {' and '.join(_differing(same))}; "
        f"kept apart as {', '.join(entry.label for entry in same)}"
        for plan, same in by_plan.items()
        if len(same) > 1
    ]


def _differing(entries: Iterable[Entry]) -> list[str]:
    keys = [entry.key for entry in entries]
    return [word for part, word in _PARTS.items() if len({getattr(key, part) for key in keys}) > 1]


def mismatches(entries: list[Entry]) -> list[str]:
    """Warnings for plans whose figures differ for more reasons than the plan."""
    differing = [word for word in _differing(entries) if word != "contents"]
    return [f"the plans were run with different {word}: their figures differ for that reason too" for word in differing]
