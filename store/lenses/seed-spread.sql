-- title: How far seeds lie apart, and what pairing them with the baseline's gains
-- needs: baseline
-- chart: points x=mean y=arm low=lowest high=highest by=metric
with arms as (from arms_of($study, $baseline)),
deltas as (from deltas_of('arms')),
effects as (from effects_of('deltas')),
spread as (
  select arm, metric, count(*) as n, avg(value) as mean, stddev_samp(value) as sd, min(value) as lowest,
    max(value) as highest
  from (select distinct arm, run_id from arms where not reference) join final_values using (run_id)
  where $metric is null or metric = $metric
  group by arm, metric
)
select s.metric, s.arm, s.n, a.missing, s.mean, s.sd, s.lowest, s.highest, s.highest - s.lowest as width,
  coalesce(e.n, 0) as pairs, e.sd as delta_sd, e.correlation
from spread s
join arm_list('arms') a using (arm)
left join effects e on e.arm = s.arm and e.metric = s.metric
order by s.metric <> 'loss', s.metric, a.is_baseline desc, a.since, s.arm
