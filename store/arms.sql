-- Arms against a baseline: what lenses are made of. An arm is one of a study; where no study is named (NULL), it is a
-- plan over all finished runs, under the label that `compare` gives it.

-- Runs that `compare` takes for seeds of one thing; of its runs with one seed the last holds.
create view plan_runs as
with keyed as (
  select run_id, plan, plan_hash, seed, reference, model_fingerprint, data_hash, created,
    [plan, plan_hash, recipe_hash, data_hash, model_fingerprint] as key
  from runs semi join finished_attempts using (run_id)
  qualify row_number() over (
    partition by plan, plan_hash, recipe_hash, data_hash, model_fingerprint, seed order by created desc, run_id desc
  ) = 1
),
namesakes as (
  select plan, count(distinct key) as ways, count(distinct plan_hash[:6]) as contents from keyed group by plan
)
select
  case
    when ways = 1 then plan
    when contents = ways then plan || '#' || plan_hash[:6]
    else plan || '#' || sha256(to_json(key)::varchar)[:6]
  end as arm,
  seed, run_id, reference, true as finished, model_fingerprint, data_hash, created
from keyed join namesakes using (plan);

-- A run of a study that has not finished is here too: no arm disappears with its runs.
create view arm_runs as
select distinct s.study, s.arm, s.seed, s.run_id, coalesce(r.reference, false) as reference,
  f.run_id is not null as finished, r.model_fingerprint, r.data_hash, r.created
from study_runs s left join runs r using (run_id) left join finished_attempts f using (run_id)
union all by name
select null as study, * from plan_runs;

-- The runs of a study, where it has no reference of its own with the finished ones of its models and data; without a study, the finished runs of
-- every plan on the baseline's models and data. A run is paired with the baseline's of the same seed.
create macro arms_of(of_study, of_baseline) as table
with asked as (from arm_runs where study is not distinct from of_study),
comparable as (
  select distinct model_fingerprint, data_hash from asked where of_study is not null or arm = of_baseline
),
chosen as (
  select arm, seed, run_id, reference, finished, created
  from asked where of_study is not null or (model_fingerprint, data_hash) in (from comparable)
  union all
  select arm, seed, run_id, reference, finished, created
  from plan_runs
  where of_study is not null and reference and (model_fingerprint, data_hash) in (from comparable)
    and run_id not in (select run_id from asked) and not exists (from asked where reference and finished)
)
select of_study::varchar as study, c.arm, of_baseline::varchar as baseline_arm, c.seed, c.run_id,
  b.run_id as baseline_run_id, c.reference, c.finished, c.arm = of_baseline as is_baseline,
  min(c.created) over (partition by c.arm) as since
from chosen c
left join chosen b on b.arm = of_baseline and b.seed = c.seed and not b.reference and not c.reference;

-- Every arm once, with what its runs share. `seeds` counts those that finished, `missing` those that did not.
create macro arm_list(arms) as table
select arm, any_value(is_baseline) as is_baseline, bool_or(a.reference) as reference, min(since) as since,
  count(distinct run_id) filter (where finished) as seeds, count(distinct run_id) filter (where not finished) as missing,
  arg_min(run_id, a.seed) filter (where r.created is not null) as first_run_id,
  any_value(trainable_params) as trainable_params
from query_table(arms) a left join runs r using (run_id)
group by arm;
