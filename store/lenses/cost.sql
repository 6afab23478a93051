-- title: What every arm cost
-- needs: baseline
-- chart: points x=trainable_params y=train_seconds label=arm
with arms as (from arms_of($study, $baseline)),
costs as (
  select arm, count(*) as n, avg(train_seconds) as train_seconds, stddev_samp(train_seconds) as train_seconds_sd,
    sum(train_seconds) as total_seconds, avg(device_seconds) as device_seconds, max(peak_bytes) as peak_bytes,
    max(predicted_bytes) as predicted_bytes, avg(adapter_bytes) as adapter_bytes
  from (select distinct arm, run_id from arms where finished) join runs using (run_id)
  group by arm
)
select c.arm, c.n, a.missing, a.trainable_params,
  1 - a.trainable_params / nullif(b.trainable_params, 0) as discount,
  c.train_seconds, c.train_seconds_sd, c.train_seconds / nullif(base.train_seconds, 0) as of_baseline_time,
  c.total_seconds, c.device_seconds, c.peak_bytes, c.predicted_bytes, c.adapter_bytes, a.reference
from costs c
join arm_list('arms') a using (arm)
left join arm_list('arms') b on b.arm = $baseline
left join costs base on base.arm = $baseline
order by a.is_baseline desc, a.reference, a.since, c.arm
