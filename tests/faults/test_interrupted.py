"""Shims and schedulers that are killed between two steps: what a person asked for is not forgotten."""

import json
import os
import signal

import pytest

from tests.faults.processes import Bench, kinds, wait_until
from workbench.run import locks, queue
from workbench.run.control import mark_stopping, request_stop, take_stop
from workbench.run.foreground import Follower, StopRequest
from workbench.run.launch import LocalLauncher
from workbench.run.layout import Home, RunDir
from workbench.run.liveness import status_of, view_of
from workbench.run.schedule import schedule
from workbench.run.slots import cpu_slots
from workbench.run.states import RunStatus
from workbench.run.tickets import Tickets, queue_lock

pytestmark = pytest.mark.slow


def _drained(bench: Bench) -> bool:
    tickets = Tickets(bench.home)
    return not tickets.waiting() and not tickets.started()


def _without_shim(bench: Bench, behaviour: str, retries: int = 0) -> RunDir:
    """A run from the queue whose trainer is at work and whose shim was killed."""
    run_dir = bench.run_dir()
    (run_dir.path / "behaviour").write_text(behaviour)
    queue.enqueue(bench.home, [bench.ticket(run_dir, retries=retries)])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: "metric" in kinds(run_dir) and json.loads(run_dir.proc.read_text())["trainer"])
    os.kill(json.loads(run_dir.proc.read_text())["shim"]["pid"], signal.SIGKILL)
    wait_until(lambda: status_of(run_dir) is RunStatus.UNSUPERVISED)
    return run_dir


@pytest.mark.parametrize("step", ["taken", "noted"])
def test_a_stop_that_the_killed_shim_had_taken_up_is_carried_out_by_the_next(bench: Bench, step: str) -> None:
    run_dir = _without_shim(bench, "obey")
    request_stop(run_dir, 1, "pause")
    assert take_stop(run_dir, 1)
    if step == "noted":
        mark_stopping(run_dir, 1, "pause")
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: _drained(bench))
    assert status_of(run_dir) is RunStatus.PAUSED


def test_a_trainer_is_stopped_by_a_shim_that_knows_its_home_by_another_name(bench: Bench) -> None:
    run_dir = _without_shim(bench, "obey")
    other = Home(bench.folder / "linked")
    other.path.symlink_to(bench.home.path)
    schedule(other, LocalLauncher(other, cpu_slots, bench.shim_command("finish")))
    wait_until(lambda: status_of(run_dir) is RunStatus.RUNNING)
    request_stop(run_dir, 1)
    wait_until(lambda: _drained(bench))
    assert status_of(run_dir) is RunStatus.STOPPED


def test_the_grace_is_counted_again_by_the_next_shim(bench: Bench) -> None:
    run_dir = _without_shim(bench, "ignore", retries=3)
    mark_stopping(run_dir, 1, "user", 0.3)
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: _drained(bench))
    view = view_of(run_dir)
    assert (view.status, view.attempt) == (RunStatus.FAILED, 1)
    assert view.failure is not None
    assert view.failure.failure_class == "killed_by_user"


@pytest.mark.parametrize("taken", [False, True])
def test_a_run_that_was_to_stop_is_not_tried_again_when_it_is_lost(bench: Bench, taken: bool) -> None:
    run_dir = _without_shim(bench, "wait", retries=3)
    request_stop(run_dir, 1)
    assert not taken or take_stop(run_dir, 1)
    os.kill(json.loads(run_dir.proc.read_text())["trainer"]["pid"], signal.SIGKILL)
    wait_until(lambda: status_of(run_dir) is RunStatus.LOST)
    schedule(bench.home, bench.launcher("finish"))
    assert _drained(bench)
    assert (status_of(run_dir), view_of(run_dir).attempt) == (RunStatus.LOST, 1)


def test_a_run_whose_files_cannot_be_used_keeps_no_other_waiting(bench: Bench) -> None:
    broken, sound = bench.run_dir("aaaa00000001"), bench.run_dir("aaaa00000002")
    broken.terms(1).mkdir()
    queue.enqueue(bench.home, [bench.ticket(broken), bench.ticket(sound)])
    assert schedule(bench.home, bench.launcher("finish")).started == [sound.run_id]
    wait_until(lambda: status_of(sound) is RunStatus.FINISHED)
    wait_until(lambda: (schedule(bench.home, bench.launcher("finish")), Tickets(bench.home).waiting()[0].hold)[1])
    [ticket] = Tickets(bench.home).waiting()
    assert ticket.run_id == broken.run_id
    assert str(broken.terms(1)) in ticket.why


def test_a_shim_that_breaks_has_the_queue_go_on(bench: Bench) -> None:
    broken, sound = bench.run_dir("aaaa00000001"), bench.run_dir("aaaa00000002")
    broken.alive_lock.mkdir()
    queue.enqueue(bench.home, [bench.ticket(broken), bench.ticket(sound)])
    schedule(bench.home, LocalLauncher(bench.home, cpu_slots))
    wait_until(lambda: status_of(sound) is RunStatus.FAILED)  # its trainer finds no run.json
    assert "did not begin 5 times" in Tickets(bench.home).waiting()[0].why
    assert "IsADirectoryError" in (broken.path / "shim.log").read_text()


def _claimed(bench: Bench) -> RunDir:
    """A run whose ticket was claimed by a scheduler that was killed right after."""
    run_dir = bench.run_dir()
    queue.enqueue(bench.home, [bench.ticket(run_dir)])
    with queue_lock(bench.home) as tickets:
        tickets.claim(tickets.waiting()[0])
    return run_dir


def test_a_run_that_nobody_is_starting_any_more_can_be_taken_out_of_the_queue(bench: Bench) -> None:
    run_dir = _claimed(bench)
    assert queue.withdraw(bench.home, [run_dir.run_id]) == [run_dir.run_id]
    assert schedule(bench.home, bench.launcher("finish")).started == []
    assert status_of(run_dir) is RunStatus.STOPPED


def test_a_run_that_nobody_is_starting_any_more_can_be_held(bench: Bench) -> None:
    run_dir = _claimed(bench)
    assert queue.hold(bench.home, [run_dir.run_id]) == [run_dir.run_id]
    assert schedule(bench.home, bench.launcher("finish")).started == []
    assert view_of(run_dir).held


def test_a_stop_that_finds_a_run_between_two_states_is_told_later(bench: Bench) -> None:
    run_dir, stop = bench.run_dir(), StopRequest()
    (run_dir.path / "behaviour").write_text("obey")
    queue.enqueue(bench.home, [bench.ticket(run_dir)])
    lock = locks.take(bench.home.queue / "lock")
    assert lock is not None
    follower = Follower(bench.home, [run_dir], [run_dir.run_id], lambda event: None, stop=stop)
    # Another program is at the queue: it has claimed the ticket, and its shim does not hold a lock yet.
    Tickets(bench.home).claim(Tickets(bench.home).waiting()[0])
    stop.stop()
    follower.look()
    bench.start_and_reach(run_dir, "obey", "metric")
    follower.look()
    os.close(lock)
    wait_until(lambda: status_of(run_dir) is RunStatus.STOPPED)
