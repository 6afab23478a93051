"""Removing runs and their checkpoints while others may be at them."""

import os
from pathlib import Path

import pytest

from workbench.errors import LockedError
from workbench.run import locks, queue
from workbench.run.layout import Home, RunDir
from workbench.run.removal import free_checkpoints, remove
from workbench.run.tickets import Ticket, Tickets, queue_lock


def _run(folder: Path) -> RunDir:
    run_dir = Home(folder / "home").run_dir("aaaa00000001")
    (run_dir.checkpoints / "step-000002").mkdir(parents=True)
    (run_dir.checkpoints / "step-000002" / "manifest.json").write_text("12345678")
    return run_dir


@pytest.mark.parametrize("lock", ["shim.lock", "alive.lock"])
def test_nothing_is_removed_under_a_process(tmp_path: Path, lock: str) -> None:
    run_dir = _run(tmp_path)
    held = locks.take(run_dir.path / lock)
    assert held is not None
    with pytest.raises(LockedError, match="started meanwhile"):
        free_checkpoints(run_dir)
    with pytest.raises(LockedError, match="started meanwhile"):
        remove(run_dir.home, run_dir)
    assert list(run_dir.checkpoints.iterdir())
    os.close(held)
    assert free_checkpoints(run_dir) == 8
    assert not locks.is_held(run_dir.shim_lock)


def test_a_new_run_of_the_same_name_finds_nothing_of_the_removed_one_in_the_queue(tmp_path: Path) -> None:
    run_dir = _run(tmp_path)
    queue.enqueue(run_dir.home, [Ticket(run_dir.run_id, 0, priority=7)])
    with queue_lock(run_dir.home) as tickets:  # its attempt is over, and nobody has looked since
        tickets.claim(tickets.waiting()[0])
    run_dir.out(1).touch()
    assert remove(run_dir.home, run_dir) >= 8
    assert not run_dir.path.exists()
    run_dir.path.mkdir()
    assert queue.enqueue(run_dir.home, [Ticket(run_dir.run_id, 0, priority=1)]) == [run_dir.run_id]
    assert [ticket.priority for ticket in Tickets(run_dir.home).waiting()] == [1]
    assert Tickets(run_dir.home).started() == []
