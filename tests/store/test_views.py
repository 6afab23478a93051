from math import sqrt

import pytest

from store.connection import writing
from store.ingest import ingest
from store.runs import final_evals, summaries
from tests.store.helpers import Metric, finished_run, record, rows, sites, steps, write_run
from workbench.run.events import EventLog
from workbench.run.layout import Home

BASE, SMALL = "00000000000a", "00000000000b"


@pytest.fixture
def study(home: Home) -> Home:
    """A study with a baseline (rank 4) and an arm with rank 2 in the MLP, on seed 0, plus the arm on seed 1 alone."""
    small = sites({"attention": 4, "mlp": 2})
    finished_run(home, record(BASE), [Metric("loss", 0.5, False), Metric("exact_match", 0.75, True)])
    finished_run(
        home,
        record(SMALL, plan="small", placed=small),
        [Metric("loss", 0.75, False), Metric("exact_match", 0.5, True)],
    )
    finished_run(home, record("00000000000c", plan="small", seed=1, placed=small), [Metric("loss", 0.25, False)])
    ingest(home)
    with writing(home) as connection:
        connection.execute("insert into studies values ('cut', 'base', 'loss', now()::timestamp)")
        connection.execute(
            f"""insert into study_runs values ('cut', 'base', 'mlp', '4', 0, '{BASE}'),
            ('cut', 'small', 'mlp', '2', 0, '{SMALL}'), ('cut', 'small', 'mlp', '2', 1, '00000000000c')"""
        )
    return home


def test_group_summary_by_hand(study: Home) -> None:
    # attention sites have places 1, 3, 5 and MLP sites 2, 4, 6; weight norm 4·place, update norm 1·place, error 0.1
    figures = "sites, adapted, r_min, r_max, trainable_params, params, discount"
    where = f"from group_summary where run_id = '{SMALL}' and group_kind"
    assert rows(study, f"select {figures} {where} = 'all'") == [
        (6, 6, 2, 4, 3 * (4 * 16 + 2 * 32), 3 * (64 + 192), pytest.approx(1 - 384 / 576))
    ]
    assert rows(study, f"select group_name, {figures} {where} = 'type' order by 1") == [
        ("attention", 3, 3, 4, 4, 192, 192, 0.0),
        ("mlp", 3, 3, 2, 2, 192, 576, 0.5),
    ]
    norms = "update_norm, relative_update, quant_error, effective_rank"
    [found] = rows(study, f"select {norms} {where} = 'type' and group_name = 'mlp'")
    assert found == pytest.approx((sqrt(4 + 16 + 36), 0.25, 0.1, 4.0))


def test_every_kind_of_group_is_there(study: Home) -> None:
    found = rows(study, f"select group_kind, group_name, sites from group_summary where run_id = '{BASE}'")
    names = {(kind, name): count for kind, name, count in found}
    assert names["band", "lower"] == 2
    assert names["type,band", "lower attention"] == 1
    assert names["module", "q_proj"] == 3
    assert names["block", "2"] == 2
    assert len(names) == 1 + 2 + 3 + 6 + 2 + 3


def test_groups_count_sites_that_are_not_adapted_and_errors_only_where_measured(home: Home) -> None:
    written = record(
        BASE, placed=sites({"attention": 4, "mlp": None}), groups={"first": ["model.layers.0.mlp.up_proj"]}
    )
    folder = write_run(home, written)
    log = EventLog(folder.events, BASE, 1)
    stats = [
        {"site": "model.layers.0.self_attn.q_proj", "weight_norm": 3.0, "quant_error": 0.5, "update_norm": 1.0},
        {"site": "model.layers.0.mlp.up_proj", "weight_norm": 4.0, "quant_error": None, "update_norm": None},
    ]
    log.write("site_stats", step=1, sites=stats)
    log.close()
    ingest(home)
    query = "select sites, adapted, r_min, update_norm, relative_update, quant_error, discount from group_summary"
    assert rows(home, f"{query} where group_kind = 'block' and group_name = '0'") == [(2, 1, 4, 1.0, 0.2, 0.5, None)]
    assert rows(home, f"{query} where group_kind = '@'") == [(1, 0, None, None, None, None, None)]
    assert rows(home, "select group_name from group_summary where group_kind = '@'") == [("@first",)]


def test_paired_deltas_use_the_same_seed_only(study: Home) -> None:
    assert sorted(rows(study, "select arm, seed, metric, delta, higher_is_better, run_id from paired_deltas")) == [
        ("small", 0, "exact_match", -0.25, True, SMALL),
        ("small", 0, "loss", 0.25, False, SMALL),
    ]


def test_discount_is_null_without_a_baseline_on_the_seed(study: Home) -> None:
    query = "select discount from group_summary where run_id = '00000000000c' and group_kind = 'all'"
    assert rows(study, query) == [(None,)]


def test_final_evals_are_of_the_last_step_of_the_last_finished_attempt(home: Home) -> None:
    folder = write_run(home, record(BASE))
    for attempt, value in ((1, 0.9), (2, 0.5), (3, 0.1)):
        log = EventLog(folder.events, BASE, attempt)
        for step in (5, 10):
            log.write("eval", step=step, evaluator="loss", values={"loss": value + step}, n=7, higher_is_better=False)
        if attempt < 3:
            log.write("finished", step=10, train_seconds=1.0, device_seconds=1.0, peak_bytes=1, adapter_bytes=1)
        log.close()
    ingest(home)
    assert rows(home, "select attempt, step, value from final_evals") == [(2, 10, 10.5)]
    [final] = final_evals(home, BASE)
    assert (final.value, final.n, final.higher_is_better, final.attempt) == (10.5, 7, False, 2)


def test_run_metrics_take_the_last_attempt_per_step(home: Home) -> None:
    folder = write_run(home, record(BASE))
    first, second = EventLog(folder.events, BASE, 1), EventLog(folder.events, BASE, 2)
    steps(first, [1, 2, 3, 4])
    steps(second, [3, 4])
    ingest(home)
    found = rows(home, "select step, attempt from run_metrics where name = 'lr' order by step")
    assert found == [(1, 1), (2, 1), (3, 2), (4, 2)]


def test_run_summary_pivots_known_evaluators(study: Home) -> None:
    found = {run.run_id: run for run in summaries(study)}
    assert len(found) == 3
    assert (found[BASE].loss, found[BASE].token_accuracy, found[BASE].exact_match) == (0.5, None, 0.75)
    assert (found[BASE].status, found[BASE].finished_attempt, found[BASE].peak_bytes) == ("finished", 1, 9000)
    assert [run.run_id for run in summaries(study, [SMALL, "absent"])] == [SMALL]
    assert [run.run_id for run in summaries(study)] == sorted(found, reverse=True)
