-- name: type × depth map
-- title: What a change in one layer group does, by layer type and band
-- needs: baseline, metric
-- chart: heat x=band y=layer_type value=delta by=change
with arms as (from arms_of($study, $baseline)),
deltas as (from deltas_of('arms')),
effects as (from effects_of('deltas') where metric = $metric)
-- Changes that fill no such group stand last, without one.
select c.change, c.layer_type, c.band, c.sites, e.n, e.delta, e.sd, e.low, e.high, e.higher_is_better, c.arm
from changes_of('arms') c left join effects e using (arm)
order by c.group_name is null, c.change, array_position(['attention', 'mlp', 'all'], c.layer_type),
  array_position(['lower', 'middle', 'upper', 'all'], c.band), c.arm
