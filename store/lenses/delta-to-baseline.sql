-- title: Every arm against the baseline, paired by seed
-- needs: baseline
-- chart: points x=delta y=arm low=low high=high by=metric
with arms as (from arms_of($study, $baseline)),
own as (
  select arm, metric, bool_or(higher_is_better) as higher_is_better, count(*) as seeds, avg(value) as mean,
    stddev_samp(value) as sd
  from (select distinct arm, run_id from arms) join final_values using (run_id)
  where $metric is null or metric = $metric
  group by arm, metric
),
deltas as (from deltas_of('arms')),
effects as (from effects_of('deltas')),
base as (select * from arm_list('arms') where is_baseline)
-- A reference run has no seed: its delta is the difference of the means, of no pairs and without an interval.
select o.metric, o.arm, if(a.is_baseline, null, coalesce(e.n, 0)) as n,
  if(a.reference or base.reference, if(a.is_baseline, null, o.mean - b.mean), e.delta) as delta,
  e.low, e.high, e.half_width, e.sd as delta_sd, o.seeds, a.missing, o.mean, o.sd, a.trainable_params,
  1 - a.trainable_params / nullif(base.trainable_params, 0) as discount, o.higher_is_better, a.reference
from own o
join arm_list('arms') a using (arm)
left join base on true
left join own b on b.arm = $baseline and b.metric = o.metric
left join effects e on e.arm = o.arm and e.metric = o.metric
order by o.metric <> 'loss', o.metric, a.is_baseline desc, a.reference, a.since, o.arm
