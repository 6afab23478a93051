-- What arms set otherwise than the baseline, and where.

create macro span(low, high) as if(low = high, low::varchar, low::varchar || '–' || high::varchar);

-- Of any relation with the columns of arms_of, a row per arm that differs at some site: `change` as `r=4, balance=2`,
-- and the layer group that it fills: a layer type (or all) in a band (or all). Both are NULL where the sites are no such
-- group or not all of it. An arm is told by its first seed, as the seeds of an arm have the same sites.
create macro changes_of(arms) as table
with listed as (select l.*, recipe_hash from arm_list(arms) l join runs on runs.run_id = l.first_run_id),
base as (select s.*, l.recipe_hash from run_sites s join listed l on l.first_run_id = s.run_id where l.is_baseline),
differing as (
  select l.arm, l.recipe_hash <> b.recipe_hash as other_recipe, s.layer_type, s.band, s.method, s.r, b.r as base_r,
    s.balance, s.pool, s.scaling, s.base, s.blocksize,
    s.method is distinct from b.method as new_method,
    s.r is distinct from b.r as new_r,
    s.balance is distinct from b.balance as new_balance,
    s.pool is distinct from b.pool as new_pool,
    s.scaling is distinct from b.scaling as new_scaling,
    s.dropout is distinct from b.dropout or s.init is distinct from b.init as new_start,
    s.base is distinct from b.base as new_base,
    s.blocksize is distinct from b.blocksize as new_blocksize
  from listed l join run_sites s on s.run_id = l.first_run_id join base b using (site)
  where not l.reference
    and (new_method or new_r or new_balance or new_pool or new_scaling or new_start or new_base or new_blocksize)
),
changed as (
  select arm, count(*) as sites, bool_or(other_recipe) as other_recipe,
    list(distinct layer_type) as types, list(distinct band) as bands,
    min(r) as r_min, max(r) as r_max, min(base_r) as base_r_min, max(base_r) as base_r_max,
    bool_and(method = 'none') as is_off,
    bool_or(new_r) and not
      bool_or(new_method or new_balance or new_pool or new_start or new_base or new_blocksize) as only_rank,
    concat_ws(', ',
      if(bool_or(new_method), if(is_off, 'off', 'method=' || string_agg(distinct method, '/' order by method)), null),
      if(bool_or(new_r) and not is_off, 'r=' || span(min(r), max(r)), null),
      if(bool_or(new_balance) and not is_off, 'balance=' || span(min(balance), max(balance)), null),
      if(bool_or(new_pool) and not is_off, 'pool=' || span(min(pool), max(pool)), null),
      if(bool_or(new_scaling) and not is_off, 'scaling=' || span(min(scaling), max(scaling)), null),
      if(bool_or(new_start) and not is_off, 'dropout or init', null),
      if(bool_or(new_base), 'base=' || string_agg(distinct base, '/' order by base), null),
      if(bool_or(new_blocksize), 'blocksize=' || span(min(blocksize), max(blocksize)), null),
      if(bool_or(other_recipe), 'recipe', null)
    ) as change
  from differing
  group by arm
),
areas as (select layer_type, band, count(*) as sites from base group by layer_type, band),
whole as (
  select c.arm,
    if(len(types) = 1 and len(types) < (select count(distinct layer_type) from areas), types[1], 'all') as layer_type,
    if(len(bands) = 1 and len(bands) < (select count(distinct band) from areas), bands[1], 'all') as band
  from changed c join areas a on list_contains(c.types, a.layer_type) and list_contains(c.bands, a.band)
  where len(types) in (1, (select count(distinct layer_type) from areas))
    and len(bands) in (1, (select count(distinct band) from areas))
  group by all having sum(a.sites) = any_value(c.sites)
)
select c.* exclude (types, bands, is_off), w.layer_type, w.band,
  case
    when w.band = 'all' then w.layer_type
    when w.layer_type = 'all' then w.band
    else w.band || ' ' || w.layer_type
  end as group_name
from changed c left join whole w using (arm);
