"""The terms of an attempt: what they change, and what they may not."""

from pathlib import Path

import pytest

from tests.train.support import demo_recipe, demo_sites, make_record, make_run
from tests.train.trained import demo_plan, record_of, small_recipe
from workbench.run.events import read_events
from workbench.run.record import RunRecord
from workbench.run.terms import Terms
from workbench.train.failure import RunFailure
from workbench.train.session import Session, open_session
from workbench.train.stop import StopFlag
from workbench.train.train_run import train_run

SPLIT = {"batch": 4, "accumulation": 2}


def _session(folder: Path, record: RunRecord, **changes: int) -> Session:
    run_dir, log = make_run(folder, record)
    log.close()
    Terms(2, changes=changes).write(run_dir)
    return open_session(run_dir, 2, log, StopFlag())


def test_the_terms_win_over_the_record(tmp_path: Path) -> None:
    session = _session(tmp_path, make_record(demo_sites(), demo_recipe(batch=8)), **SPLIT, checkpoint_every=7)
    recipe = session.recipe
    assert (session.attempt, recipe.batch, recipe.accumulation, recipe.checkpoint_every) == (2, 4, 2, 7)
    assert session.record.recipe["batch"] == 8


@pytest.mark.parametrize("changes", [{"batch": 4}, {"accumulation": 3}, {"batch": 16, "accumulation": 2}])
def test_another_effective_batch_is_another_experiment(tmp_path: Path, changes: dict[str, int]) -> None:
    with pytest.raises(RunFailure, match="another experiment") as caught:
        _session(tmp_path, make_record(demo_sites(), demo_recipe(batch=8)), **changes)
    assert caught.value.failure_class == "bad_plan"
    assert "8 × 1" in caught.value.hint


def test_with_dropout_the_split_is_part_of_the_experiment(tmp_path: Path) -> None:
    record = make_record(demo_sites(4, dropout=0.1), demo_recipe(batch=8))
    with pytest.raises(RunFailure, match="another experiment"):
        _session(tmp_path / "a", record, **SPLIT)
    assert _session(tmp_path / "b", record, checkpoint_keep=5).recipe.checkpoint_keep == 5


@pytest.mark.slow
def test_the_log_says_how_an_attempt_differs(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path, steps=2)
    run_dir, log = make_run(tmp_path, record_of(tmp_path, demo_plan(tmp_path, "* all r=2"), recipe))
    Terms(1, changes=SPLIT, why="the GPU ran out of memory").write(run_dir)
    train_run(run_dir, 1, log, StopFlag())
    log.close()
    started, *_, last = read_events(run_dir.events)
    assert (started["batch"], started["accumulation"], started["why"]) == (4, 2, "the GPU ran out of memory")
    assert (last["kind"], last["step"]) == ("finished", 2)
