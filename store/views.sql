-- Sums over sites that have the figure: the norm of a group is the norm of its sites' stacked weights.
create macro root_sum_square(x) as sqrt(sum(x * x));
create macro relative_norm(change, weight) as
  sqrt(sum(change * change)) / nullif(sqrt(sum(weight * weight)), 0);
create macro group_quant_error(error, weight) as
  sqrt(sum((error * weight) * (error * weight)))
  / nullif(sqrt(sum(if(error is null, null, weight * weight))), 0);

create view finished_attempts as
select run_id, max(attempt) as attempt from events where kind = 'finished' group by run_id;

-- A resumed run repeats steps: the last attempt that logged a step speaks for it.
create view run_metrics as
select run_id, attempt, step, t, name, value
from metrics
qualify attempt = max(attempt) over (partition by run_id, name, step);

create view final_evals as
select run_id, attempt, max(step) as step, evaluator, metric,
  arg_max_null(value, step) as value,
  arg_max_null(n, step) as n,
  arg_max_null(higher_is_better, step) as higher_is_better
from evals join finished_attempts using (run_id, attempt)
group by run_id, attempt, evaluator, metric;

create view run_summary as
with pivoted as (
  select run_id,
    max(value) filter (where evaluator = 'loss' and metric = 'loss') as loss,
    max(value) filter (where evaluator = 'token_accuracy' and metric = 'token_accuracy') as token_accuracy,
    max(value) filter (where evaluator = 'exact_match' and metric = 'exact_match') as exact_match,
    max(n) as eval_examples
  from final_evals
  group by run_id
)
select r.*, f.attempt as finished_attempt, p.loss, p.token_accuracy, p.exact_match, p.eval_examples
from runs r
left join finished_attempts f using (run_id)
left join pivoted p using (run_id);

-- The name of a site's group of a built-in kind.
create macro built_in_group(kind, layer_type, band, module, block) as
  case kind
    when 'all' then 'all'
    when 'type' then layer_type
    when 'band' then band
    when 'type,band' then band || ' ' || layer_type
    when 'module' then module
    when 'block' then block::varchar
  end;

-- One row per site and group that it is in. `position` is the site's place in the model. The kinds are joined, not
-- unnested per site, so that asking for one kind reads each site once.
create view site_groups as
select group_kind, built_in_group(group_kind, layer_type, band, module, block) as group_name, s.*, s.rowid as position
from run_sites s, (select unnest(['all', 'type', 'band', 'type,band', 'module', 'block']) as group_kind)
union all by name
select '@' as group_kind, '@' || g.group_name as group_name, s.*, s.rowid as position
from run_sites s
join runs r using (run_id)
join groups g on g.model_fingerprint = r.model_fingerprint and g.site = s.site;

-- The figures of any relation with the columns of site_groups, by name: from figures_of('site_groups').
-- Sites without an adapter have no rank and no effective rank.
create macro figures_of(members) as table
select run_id, group_kind, group_name,
  min(position) as position,
  count(*) as sites,
  count_if(method <> 'none')::bigint as adapted,
  min(r) as r_min,
  max(r) as r_max,
  sum(trainable_params)::bigint as trainable_params,
  sum(in_features::bigint * out_features)::bigint as params,
  root_sum_square(update_norm) as update_norm,
  relative_norm(update_norm, weight_norm) as relative_update,
  group_quant_error(quant_error, weight_norm) as quant_error,
  avg(effective_rank) as effective_rank
from query_table(members)
group by run_id, group_kind, group_name;

create view group_figures as from figures_of('site_groups');

-- The baseline run of a study's run: the baseline arm with the same seed. In several studies, the first by name.
create view study_pairs as
with arms as (select distinct study, arm, seed, run_id from study_runs)
select s.study, s.metric, a.arm, a.seed, a.run_id, b.arm as baseline_arm, b.run_id as baseline_run_id
from arms a
join studies s using (study)
join arms b on b.study = a.study and b.seed = a.seed and b.arm = s.baseline;

create view group_summary as
with pairs as (select run_id, arg_min(baseline_run_id, study) as baseline_run_id from study_pairs group by run_id)
select f.run_id, f.group_kind, f.group_name, f.sites, f.adapted, f.r_min, f.r_max, f.trainable_params, f.params,
  1 - f.trainable_params / nullif(b.trainable_params, 0) as discount,
  f.update_norm, f.relative_update, f.quant_error, f.effective_rank
from group_figures f
left join pairs p using (run_id)
left join group_figures b
  on b.run_id = p.baseline_run_id and b.group_kind = f.group_kind and b.group_name = f.group_name;


-- The sites of one kind of group, as `compare --by` has them: type, band, @group[,@group] and so on.
create macro sites_in(kind) as table
from site_groups
where group_kind = if(starts_with(kind, '@'), '@', kind)
  and (not starts_with(kind, '@') or list_contains(string_split(kind, ','), group_name));
