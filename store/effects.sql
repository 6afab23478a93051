-- What arms change in the final evaluations, paired by seed.

-- The name of a metric, as recipes and `compare` have it.
create macro metric_name(evaluator, metric) as if(metric = evaluator, metric, evaluator || '.' || metric);

create view final_values as
select run_id, metric_name(evaluator, metric) as metric, value, n as examples, coalesce(higher_is_better, false)
  as higher_is_better
from final_evals
where isfinite(value);

-- The final evaluations of the runs of any relation with the columns of arms_of, against those of the baseline's runs.
create macro deltas_of(pairs) as table
select p.study, p.arm, p.baseline_arm, p.seed, p.run_id, p.baseline_run_id, e.evaluator, e.metric,
  e.value, b.value as baseline_value, e.value - b.value as delta, e.higher_is_better
from query_table(pairs) p
join final_evals e using (run_id)
join final_evals b on b.run_id = p.baseline_run_id and b.evaluator = e.evaluator and b.metric = e.metric
where p.arm <> p.baseline_arm;

create view paired_deltas as from deltas_of('study_pairs');

-- The value that Student's t with df degrees of freedom stays below with probability 0.975: from a table, and past it
-- by the asymptotic expansion about the normal's (Abramowitz and Stegun, 26.7.5), which is right to 3e-8 there.
create macro t_975(df) as case
  when df between 1 and 30 then list_extract([
    12.7062047362, 4.3026527297, 3.1824463053, 2.7764451052, 2.5705818356, 2.4469118511, 2.3646242516, 2.3060041352,
    2.2621571628, 2.228138852, 2.2009851601, 2.1788128297, 2.1603686565, 2.1447866879, 2.1314495456, 2.1199052992,
    2.1098155778, 2.1009220402, 2.0930240544, 2.0859634473, 2.0796138447, 2.0738730679, 2.0686576104, 2.0638985616,
    2.0595385528, 2.0555294386, 2.0518305165, 2.0484071418, 2.0452296421, 2.0422724563], df)::double
  when df > 30 then 1.959963984540054 + 2.372271230298562 / df + 2.8224986157396112 / df ** 2
    + 2.555849679507722 / df ** 3 + 1.5895340533938225 / df ** 4
end;

-- Half of the 95 % t interval of a mean of n values with this standard deviation; NULL below two values.
create macro half_width(sd, n) as t_975(n - 1) * sd / sqrt(n);

-- Per arm and metric, over the seeds that arm and baseline have in common; n is their number. Values that are no
-- numbers are left out. `correlation` is that of arm and baseline over the seeds, NULL where one of them is constant.
create macro effects_of(deltas) as table
with numbers as (
  select *, metric_name(evaluator, metric) as name from query_table(deltas) where isfinite(value) and isfinite(delta)
)
select study, arm, baseline_arm, name as metric, bool_or(higher_is_better) as higher_is_better, count(*) as n,
  avg(value) as mean, avg(baseline_value) as baseline_mean, avg(delta) as delta, stddev_samp(delta) as sd,
  half_width(stddev_samp(delta), count(*)) as half_width,
  avg(delta) - half_width(stddev_samp(delta), count(*)) as low,
  avg(delta) + half_width(stddev_samp(delta), count(*)) as high,
  nullif(corr(value, baseline_value), 'nan') as correlation
from numbers
group by study, arm, baseline_arm, name;

create view effects as from effects_of('paired_deltas');
