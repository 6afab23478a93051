"""Checkpoints on disks that are too small: training goes on, and what there was is kept."""

import resource
from pathlib import Path
from typing import Any

import pytest

from tests.faults.disks import MOUNTS, fill, free, small_disk
from tests.train.attempts import Attempts, new_run
from tests.train.trained import demo_plan, record_of, small_recipe
from workbench.run.checkpoints import complete_checkpoints, verify

pytestmark = pytest.mark.slow


def _run(folder: Path, home: Path, rule: str = "* all r=4", **changes: Any) -> Attempts:
    recipe = small_recipe(folder, **{"steps": 6, "checkpoint_every": 3, **changes})
    return new_run(home, record_of(folder, demo_plan(folder, rule), recipe))


def _warnings(events: list[dict[str, Any]]) -> list[str]:
    return [event["message"] for event in events if event["kind"] == "warning"]


def test_a_file_that_cannot_grow_leaves_no_debris_and_training_goes_on(tmp_path: Path) -> None:
    run = _run(tmp_path, tmp_path / "home")
    limit = 300_000  # the adapter's weights are smaller, the optimizer's states larger
    events = run.run(1, prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert events[-1]["kind"] == "finished"
    assert [message.partition(":")[0] for message in _warnings(events)] == [
        "no checkpoint after step 3",
        "no checkpoint after step 6",
    ]
    assert "checkpoint" not in {event["kind"] for event in events}
    assert list(run.run_dir.checkpoints.iterdir()) == []


def test_weights_that_find_no_space_leave_no_debris_either(tmp_path: Path) -> None:
    run = _run(tmp_path, tmp_path / "home")
    limit = 200_000  # the adapter's weights are larger: in the end they cannot be saved
    events = run.run(1, prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert [message.partition(":")[0] for message in _warnings(events)] == [
        "no checkpoint after step 3",
        "no checkpoint after step 6",
    ]
    assert [event["step"] for event in events if event["kind"] == "metric"] == [1, 2, 3, 4, 5, 6]
    assert (events[-1]["kind"], events[-1]["class"]) == ("failed", "disk_full")
    assert list(run.run_dir.checkpoints.iterdir()) == []


if MOUNTS:

    def test_a_disk_with_too_little_space_is_seen_before(tmp_path: Path) -> None:
        with small_disk(tmp_path / "disk", 16 << 20) as disk:
            run = _run(tmp_path, disk)
            run.here(1, stop_at=("metric", 3))
            fill(disk, leave=900_000)
            events = run.here(2, resume=True)
            [warning] = _warnings(events)
            assert "no checkpoint after step 6: it takes about 1.7 MB, 0." in warning
            assert "earlier ones are kept" in warning
            assert events[-1]["kind"] == "finished"
            [kept] = complete_checkpoints(run.run_dir)
            verify(kept)
            assert kept.step == 3

    def test_a_disk_that_fills_up_under_a_checkpoint(tmp_path: Path) -> None:
        # The start factors of pissa come on top of the estimate, until the first checkpoint has told its size.
        with small_disk(tmp_path / "disk", 32 << 20) as disk:
            run = _run(tmp_path, disk, "* all r=32 init=pissa", steps=4)
            fill(disk, leave=8_000_000)
            events = run.here(1)
            assert _warnings(events) == ["no checkpoint after step 3: the disk became full while it was written"]
            assert events[-1]["kind"] == "finished"
            assert list(run.run_dir.checkpoints.iterdir()) == []
            free(disk)
            assert "checkpoint" in {event["kind"] for event in run.here(2)}
