"""What follows an attempt, and on which terms."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.helpers import record
from workbench.run.layout import Home, RunDir
from workbench.run.retry import class_of, following, smaller_split
from workbench.run.tickets import Ticket


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    run_dir = Home(tmp_path).run_dir("aaaa00000000")
    run_dir.path.mkdir(parents=True)
    return run_dir


def _failed(name: str) -> dict[str, Any]:
    return {"kind": "failed", "class": name}


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (None, "lost"),
        ({"kind": "finished"}, None),
        ({"kind": "paused", "reason": "pause"}, None),
        ({"kind": "stopped", "reason": "user"}, None),
        ({"kind": "stopped", "reason": "preempted"}, "preempted"),
        (_failed("killed"), "killed"),
        ({"kind": "failed"}, "crash"),
    ],
)
def test_the_class_of_an_ending(ending: dict[str, Any] | None, expected: str | None) -> None:
    assert class_of(ending) == expected


@pytest.mark.parametrize("name", ["killed", "lost", "preempted"])
def test_what_came_from_outside_is_tried_again_as_often_as_asked(run_dir: RunDir, name: str) -> None:
    ticket = Ticket(run_dir.run_id, 3, retries=2, priority=4, hold=False, after=("x",), starts=2, threads=2)
    again = following(ticket, run_dir, _failed(name))
    assert again is not None
    assert (again.attempt, again.retries, again.starts, again.after) == (4, 1, 0, ())
    assert (again.priority, again.threads, again.resume) == (4, 2, False)
    assert name in again.why
    assert following(Ticket(run_dir.run_id, 3), run_dir, _failed(name)) is None


@pytest.mark.parametrize("name", ["nan", "crash", "bad_data", "killed_by_user", "disk_full", "host_oom"])
def test_what_is_the_runs_own_fault_is_not_tried_again(run_dir: RunDir, name: str) -> None:
    assert following(Ticket(run_dir.run_id, 1, retries=5), run_dir, _failed(name)) is None


def test_a_retry_goes_on_from_a_checkpoint_where_there_is_one(run_dir: RunDir) -> None:
    folder = run_dir.checkpoints / "step-000002"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"step": 2, "attempt": 1, "files": {}}')
    again = following(Ticket(run_dir.run_id, 1, retries=1), run_dir, None)
    assert again is not None
    assert again.resume


@given(batch=st.integers(1, 64), accumulation=st.integers(1, 16))
def test_a_smaller_split_keeps_the_effective_batch(
    batch: int, accumulation: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run_dir = Home(tmp_path_factory.mktemp("home")).run_dir("aaaa00000000")
    run_dir.path.mkdir(parents=True)
    record(run_dir.run_id, recipe={"batch": batch, "accumulation": accumulation}).write(run_dir.record)
    changes: dict[str, Any] = {}
    sizes = [batch]
    while (split := smaller_split(run_dir, changes)) is not None:
        assert split["batch"] * split["accumulation"] == batch * accumulation
        changes = split
        sizes.append(split["batch"])
    assert sizes == sorted(set(sizes), reverse=True)
    assert sizes[-1] == 1


def test_without_a_record_nothing_is_split(run_dir: RunDir) -> None:
    assert smaller_split(run_dir, {}) is None
