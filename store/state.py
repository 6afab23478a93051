"""What the state changes of a run's two logs say about it: derived anew each time, so that order never matters."""

# Within an attempt the supervisor has the last word, as it writes after the trainer has ended; within a log the order
# of its lines decides, which `rowid` keeps. Times do not: clocks are set back. Nor does `seq`: a supervisor that takes
# over from one that was killed counts from 1 again.
STATE = """
update runs set
  attempt = found.attempt,
  status = found.terminal.kind,
  failure_class = case when found.terminal.kind = 'failed' then found.terminal.body->>'class' end,
  device = found.start.body->>'device',
  steps = try_cast(found.start.body->>'steps' as integer),
  started = make_timestamp(try_cast(found.start.t * 1e6 as bigint)),
  ended = make_timestamp(try_cast(found.terminal.t * 1e6 as bigint)),
  peak_bytes = try_cast(found.finish->>'peak_bytes' as bigint),
  train_seconds = try_cast(found.finish->>'train_seconds' as double),
  device_seconds = try_cast(found.finish->>'device_seconds' as double),
  adapter_bytes = try_cast(found.finish->>'adapter_bytes' as bigint)
from (
  with mine as (
    select *, (attempt, source, rowid) as place,
      attempt = max(attempt) over (partition by run_id) as is_last
    from events where run_id in (select unnest($runs))
  )
  select run_id,
    max(attempt) as attempt,
    arg_max({'kind': kind, 't': t, 'body': body}, place)
      filter (where is_last and kind in ('finished', 'stopped', 'paused', 'failed')) as terminal,
    arg_max({'t': t, 'body': body}, place) filter (where kind = 'started') as start,
    arg_max(body, place) filter (where kind = 'finished') as finish
  from mine
  group by run_id
) as found
where runs.run_id = found.run_id
"""
