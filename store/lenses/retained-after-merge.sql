-- title: What is left of an arm after merging its adapters, against the same runs unmerged
-- needs: baseline
-- chart: points x=change y=arm low=low high=high by=target
with arms as (from arms_of($study, $baseline)),
parts as (
  select arm, run_id, split_part(metric, '@', 1) as metric, split_part(metric, '@', 2) as target, value,
    higher_is_better
  from (select distinct arm, run_id from arms) join final_values using (run_id)
),
kept as (select arm, target, count(*) as n, avg(value) as share from parts where metric = 'kept' group by arm, target),
pairs as (
  select m.arm, m.target, m.metric, m.higher_is_better, b.value as before, m.value as after
  from parts m join parts b using (arm, run_id, metric)
  where m.target <> '' and b.target = '' and ($metric is null or m.metric = $metric)
)
select p.arm, p.target, p.metric, bool_or(p.higher_is_better) as higher_is_better, count(*) as n,
  avg(before) as unmerged, avg(after) as merged, avg(after - before) as change, stddev_samp(after - before) as sd,
  change - half_width(stddev_samp(after - before), count(*)) as low,
  change + half_width(stddev_samp(after - before), count(*)) as high,
  any_value(k.share) as kept, coalesce(any_value(k.n), 0) as kept_n
from pairs p join arm_list('arms') a using (arm) left join kept k using (arm, target)
group by p.arm, p.target, p.metric
order by p.metric <> 'loss', p.metric, p.target, bool_or(a.is_baseline) desc, min(a.since), p.arm
