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
_CURSOR = """
insert into ingest_cursor
select file, max("end"), arg_max(tail, "end"), any_value(bad)
from (select unnest($files) as file, unnest($ends) as "end", unnest($tails) as tail)
join (select file, count(*) filter (where not good and not blank) as bad from line group by file) using (file)
group by file
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
    files = [piece.log.key for piece in batch]
    connection.begin()
    connection.execute(
        _STAGE,
        {
            "shape": _SHAPE,
            "files": files,
            "runs": [piece.log.run_id for piece in batch],
            "sources": [piece.log.source for piece in batch],
            "texts": [piece.text for piece in batch],
        },
    )
    rows = _count(connection, _METRICS) + _count(connection, _EVALS)
    if _count(connection, _EVENTS):
        connection.execute(STATE, {"runs": sorted({piece.log.run_id for piece in batch})})
    connection.execute(_SITE_STATS)
    ends = [piece.end for piece in batch]
    where = {"ends": [end.offset for end in ends], "tails": [end.tail for end in ends]}
    connection.execute(_CURSOR, {"files": files, **where})
    bad = _count(connection, "select count(*) from line where not good and not blank")
    connection.commit()
    return Taken(rows, bad)


def _count(connection: Connection, statement: str) -> int:
    [(count,)] = connection.execute(statement).fetchall()
    return int(count)
