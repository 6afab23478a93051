-- title: The ranks of one layer group cut or raised, all else as in the baseline
-- needs: baseline, metric
-- chart: lines x=rank y=delta low=low high=high by=group_name
with arms as (from arms_of($study, $baseline)),
deltas as (from deltas_of('arms')),
effects as (from effects_of('deltas')),
ablated as (
  from changes_of('arms')
  where only_rank and not other_recipe and group_name is not null and r_min = r_max
),
-- The baseline is a point of each line whose group has one rank there.
points as (
  select group_name, c.r_max as rank, e.n, e.mean, e.delta, e.sd, e.low, e.high, c.arm
  from ablated c join effects e using (arm) where e.metric = $metric
  union all
  select distinct c.group_name, c.base_r_max, count(value), avg(value), null::double, null::double, null::double,
    null::double, $baseline
  from ablated c,
    (select value from final_values join arms using (run_id) where is_baseline and metric = $metric)
  where c.base_r_min = c.base_r_max
  group by c.arm, c.group_name, c.base_r_max
)
from points order by group_name, rank, arm
