-- title: Every layer group of every arm: means over its seeds
-- needs: baseline, group
-- chart: points x=relative_update y=group_name by=arm
with arms as (from arms_of($study, $baseline)),
placed as (from sites_in($group) where run_id in (select run_id from arms where finished)),
figures as (from figures_of('placed')),
means as (
  select arm, group_name, min(position) as position, count(*) as n, any_value(sites) as sites,
    any_value(adapted) as adapted, any_value(r_min) as r_min, any_value(r_max) as r_max,
    any_value(trainable_params) as trainable_params, count(quant_error) as measured,
    avg(update_norm) as update_norm, stddev_samp(update_norm) as update_norm_sd,
    avg(relative_update) as relative_update, avg(effective_rank) as effective_rank, avg(quant_error) as quant_error
  from figures join (select distinct arm, run_id from arms) using (run_id)
  group by arm, group_name
)
select m.arm, m.group_name, m.n, m.relative_update, m.update_norm, m.update_norm_sd, m.effective_rank, m.measured,
  m.quant_error, m.sites, m.adapted, span(m.r_min, m.r_max) as rank, m.trainable_params,
  1 - m.trainable_params / nullif(b.trainable_params, 0) as discount
from means m
join arm_list('arms') a using (arm)
left join means b on b.arm = $baseline and b.group_name = m.group_name
order by a.is_baseline desc, a.reference, a.since, m.arm, m.position
