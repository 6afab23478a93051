"""A contrast as a query over the results: whoever doubts a number can run it."""

from workbench.study.contrasts import Contrast

_SEEDS = """with weights(arm, weight) as (values
  {rows}
),
own as (
  select distinct w.arm, a.reference, a.seed, w.weight * v.value as part
  from weights w join arms_of({study}, {baseline}) a using (arm) join final_values v using (run_id)
  where v.metric = {metric}
),
by_seed as (
  select seed, sum(part) + coalesce((select sum(part) from own where reference), 0) as difference
  from own where not reference
  group by seed
  having count(*) + (select count(*) from own where reference) = (select count(*) from weights)
)"""
_SUMMARY = """
select count(*) as n, avg(difference) as mean, stddev_samp(difference) as sd,
  avg(difference) - half_width(stddev_samp(difference), count(*)) as low,
  avg(difference) + half_width(stddev_samp(difference), count(*)) as high
from by_seed"""


def contrast_sql(study: str, baseline: str, metric: str, contrast: Contrast) -> str:
    """The query that gives n, mean, sd and the bounds of the 95 % interval of a contrast of a study's arms."""
    rows = ",\n  ".join(f"({_text(arm)}, {weight!r}::double)" for arm, weight in contrast.weights.items())
    named = {"study": _text(study), "baseline": _text(baseline), "metric": _text(metric)}
    return _SEEDS.format(rows=rows, **named) + _SUMMARY


def titled(title: str, query: str) -> str:
    """The query below a title; not with `--`, which `workbench sql QUERY` would take for an option."""
    return f"/* {title.replace('*/', '* /')} */\n{query}"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
