-- title: What an arm reaches with its trainable parameters, and which arms nothing smaller beats
-- needs: baseline, metric
-- chart: points x=trainable_params y=mean low=low high=high label=arm mark=front
with arms as (from arms_of($study, $baseline)),
reached as (
  select a.arm, a.is_baseline, a.reference, a.trainable_params, a.missing, bool_or(higher_is_better) as higher_is_better,
    count(*) as n, avg(value) as mean, stddev_samp(value) as sd
  from (select distinct arm, run_id from arms) join arm_list('arms') a using (arm) join final_values using (run_id)
  where metric = $metric
  group by all
),
scored as (select *, if(higher_is_better, -mean, mean) as score from reached),
-- An arm is on the Pareto front when no other trained one has as few parameters and is as good, and one of them better.
trained as (
  select arm, score = min(score) over (partition by trainable_params) and score < coalesce(
      min(score) over (order by trainable_params range between unbounded preceding and 1 preceding), 'infinity'
    ) as front
  from scored where not reference
),
base as (select trainable_params from scored where is_baseline)
select s.arm, s.trainable_params, 1 - s.trainable_params / nullif((from base), 0) as discount, s.n, s.missing, s.mean,
  s.sd, s.mean - half_width(s.sd, s.n) as low, s.mean + half_width(s.sd, s.n) as high, s.higher_is_better, t.front,
  s.reference
from scored s left join trained t using (arm)
order by s.trainable_params desc, s.score, s.arm
