"""Log lines into rows: parsed once, by SQL, from text parameters.

The rows and the cursor move in one transaction, so that each line counts exactly once however the ingest ends.
"""

import json
from dataclasses import dataclass

from store.connection import Connection
from store.logs import Piece
from store.state import STATE

_SHAPE = json.dumps(
    {
        "kind": "VARCHAR",
        "attempt": "INTEGER",
        "seq": "BIGINT",
        "t": "DOUBLE",
        "step": "INTEGER",
        "evaluator": "VARCHAR",
        "n": "BIGINT",
        "higher_is_better": "BOOLEAN",
        "values": "JSON",
        "sites": "JSON",
    }
)
_FIGURES = ("weight_norm", "quant_error", "update_norm", "effective_rank", "grad_norm")
_SITES_SHAPE = json.dumps([{"site": "VARCHAR"} | dict.fromkeys(_FIGURES, "DOUBLE")])

# A line is good when it is an object with a kind and an attempt, and a step where its kind has one.
_STAGE = """
create or replace temp table line as
select file, run_id, source, e.*,
  case when e.kind not in ('metric', 'eval', 'site_stats', 'telemetry') then parsed end as body,
  coalesce(
    e.kind is not null and e.attempt is not null and (e.step is not null or e.kind not in ('metric', 'eval')), false
  ) as good,
  blank
from (
  select file, run_id, source, parsed, from_json(parsed, $shape) as e, blank
  from (
    select file, run_id, source, try_cast(line as json) as parsed, not regexp_matches(line, '\\S') as blank
    from (
      select file, run_id, source, unnest(string_split(text, chr(10))) as line
      from (select unnest($files) as file, unnest($runs) as run_id, unnest($sources) as source, unnest($texts) as text)
    )
  )
)
"""
# Names and values side by side: half the time of a map of them.
_METRICS = """
insert into metrics
select run_id, attempt, step, t, name, try_cast(value as double)
from (
  select run_id, attempt, step, t, unnest(json_keys("values")) as name, unnest(json_extract("values", '$.*')) as value
  from line where good and kind = 'metric'
)
where name is not null
"""
_EVALS = """
insert into evals
select run_id, attempt, step, evaluator, pair.key, pair.value, n, higher_is_better
from (
  select *, unnest(map_entries(from_json("values", '"MAP(VARCHAR,DOUBLE)"'))) as pair
  from line where good and kind = 'eval'
)
"""
_EVENTS = """
insert into events
select run_id, source, attempt, seq, t, kind, body from line where good and body is not null
"""
_ROWS = {"metric": _METRICS, "eval": _EVALS}
_OWN_PLACE = {"metric", "eval", "site_stats", "telemetry"}  # kinds that do not go among the events
# The last line about a site holds, whole: figures of different attempts must not mix. Only the trainer measures
# sites, so the order of its log alone decides.
_SITE_STATS = f"""
update run_sites set {", ".join(f"{name} = found.stats.{name}" for name in _FIGURES)}
from (
  select run_id, arg_max(stats, place) as stats
  from (
    select run_id, rowid as place, unnest(from_json(sites, '{_SITES_SHAPE}')) as stats
    from line where good and kind = 'site_stats' and source = 'events'
  )
  where stats.site is not null
  group by run_id, stats.site
) as found
where run_sites.run_id = found.run_id and run_sites.site = found.stats.site
"""
# What is there, so that of the statements above only those run that find something: each takes a millisecond or two.
_KINDS = "select file, if(good, kind, '') as what, count(*) from line where good or not blank group by file, what"
_CURSOR = """
insert into ingest_cursor
select unnest($files), unnest($offsets), unnest($tails), unnest($bad)
on conflict (file) do update set
  "offset" = excluded."offset", tail = excluded.tail, bad_lines = ingest_cursor.bad_lines + excluded.bad_lines
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a batch brought: metric and evaluation rows, and lines that could not be used."""

    rows: int
    bad_lines: int


def take(connection: Connection, batch: list[Piece]) -> Taken:
    """Inserts the lines of a batch, in one transaction with the cursor. Its logs' runs must be in `runs`."""
    connection.begin()
    connection.execute(
        _STAGE,
        {
            "shape": _SHAPE,
            "files": [piece.log.key for piece in batch],
            "runs": [piece.log.run_id for piece in batch],
            "sources": [piece.log.source for piece in batch],
            "texts": [piece.text for piece in batch],
        },
    )
    found = connection.execute(_KINDS).fetchall()
    kinds = {what for _, what, _ in found if what}
    rows = sum(_count(connection, _ROWS[kind]) for kind in kinds & _ROWS.keys())
    if kinds - _OWN_PLACE:
        connection.execute(_EVENTS)
        connection.execute(STATE, {"runs": sorted({piece.log.run_id for piece in batch})})
    if "site_stats" in kinds:
        connection.execute(_SITE_STATS)
    bad = {file: count for file, what, count in found if not what}
    _move_cursors(connection, batch, bad)
    connection.commit()
    return Taken(rows, sum(bad.values()))


def _move_cursors(connection: Connection, batch: list[Piece], bad: dict[str, int]) -> None:
    ends = {piece.log.key: piece.end for piece in batch}  # the last piece of each log holds
    connection.execute(
        _CURSOR,
        {
            "files": list(ends),
            "offsets": [end.offset for end in ends.values()],
            "tails": [end.tail for end in ends.values()],
            "bad": [bad.get(file, 0) for file in ends],
        },
    )


def _count(connection: Connection, statement: str) -> int:
    [(count,)] = connection.execute(statement).fetchall()
    return int(count)
