"""What the queue mends: runs that were killed or lost their shims, and tickets that came to nothing."""

import json
import os
import signal
import subprocess

import pytest

from tests.faults.processes import FULL, Bench, kinds, wait_until
from workbench.run import locks, queue
from workbench.run.control import request_stop
from workbench.run.events import read_events
from workbench.run.layout import RunDir
from workbench.run.liveness import status_of, view_of
from workbench.run.process import stat_of
from workbench.run.schedule import schedule
from workbench.run.states import RunStatus
from workbench.run.terms import read_terms
from workbench.run.tickets import queue_lock

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("behaviour", ["wait", "silent"])
def test_what_was_killed_is_tried_again_and_what_crashed_is_not(bench: Bench, behaviour: str) -> None:
    [run_dir] = bench.run_dirs(1)
    (run_dir.path / "behaviour").write_text(behaviour)
    queue.enqueue(bench.home, [bench.ticket(run_dir, retries=2, threads=3)])
    schedule(bench.home, bench.launcher("finish"))
    if behaviour == "silent":
        wait_until(bench.is_drained)
        assert (status_of(run_dir), run_dir.out(2).exists()) == (RunStatus.FAILED, False)
        return
    _kill_at_step_1(run_dir, 1)
    _kill_at_step_1(run_dir, 2, "finish")
    wait_until(bench.is_drained)
    view = view_of(run_dir)
    assert (view.status, view.attempt) == (RunStatus.FINISHED, 3)
    assert read_terms(run_dir, 3).why == "after killed in attempt 2; 0 retries left"
    assert read_terms(run_dir, 3).threads == 3


def _metrics_of(run_dir: RunDir, attempt: int) -> int:
    return sum(e["kind"] == "metric" and e["attempt"] == attempt for e in read_events(run_dir.events))


def _kill_at_step_1(run_dir: RunDir, attempt: int, then: str = "wait") -> None:
    """Kills the trainer of this attempt; the next one behaves as said."""

    def trainer() -> int | None:
        raw = json.loads(run_dir.proc.read_text())
        return raw["pgid"] if raw["attempt"] == attempt else None

    wait_until(lambda: _metrics_of(run_dir, attempt) == 1 and trainer() is not None)
    (run_dir.path / "behaviour").write_text(then)
    os.kill(trainer() or 0, signal.SIGKILL)


def test_a_lost_run_is_found_and_tried_again_by_whoever_looks_next(bench: Bench) -> None:
    [run_dir] = bench.run_dirs(1)
    (run_dir.path / "behaviour").write_text("wait")
    queue.enqueue(bench.home, [bench.ticket(run_dir, retries=1)])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: "metric" in kinds(run_dir))
    _kill_both(run_dir)
    assert status_of(run_dir) is RunStatus.LOST
    (run_dir.path / "behaviour").write_text("finish")
    schedule(bench.home, bench.launcher("finish"))
    wait_until(bench.is_drained)
    assert (status_of(run_dir), view_of(run_dir).attempt) == (RunStatus.FINISHED, 2)


def _kill_both(run_dir: RunDir) -> None:
    wait_until(lambda: json.loads(run_dir.proc.read_text())["trainer"] is not None)
    raw = json.loads(run_dir.proc.read_text())
    os.kill(raw["shim"]["pid"], signal.SIGKILL)
    os.kill(raw["trainer"]["pid"], signal.SIGKILL)
    wait_until(lambda: not locks.is_held(run_dir.alive_lock) and not locks.is_held(run_dir.shim_lock))


@pytest.mark.parametrize("before_proc", [False, True])
def test_a_trainer_without_a_shim_gets_a_new_one(bench: Bench, before_proc: bool) -> None:
    [run_dir] = bench.run_dirs(1)
    os.mkfifo(run_dir.path / "gate")
    (run_dir.path / "behaviour").write_text("until_told")
    queue.enqueue(bench.home, [bench.ticket(run_dir)])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: "metric" in kinds(run_dir) and json.loads(run_dir.proc.read_text())["trainer"])
    raw = json.loads(run_dir.proc.read_text())
    os.kill(raw["shim"]["pid"], signal.SIGKILL)
    wait_until(lambda: status_of(run_dir) is RunStatus.UNSUPERVISED)
    if before_proc:  # as a shim leaves it that is killed before it could write down whom it started
        run_dir.proc.write_text(json.dumps({**raw, "trainer": None, "pgid": None}))
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: status_of(run_dir) is RunStatus.RUNNING)
    wait_until(lambda: json.loads(run_dir.proc.read_text())["shim"] != raw["shim"])
    assert json.loads(run_dir.proc.read_text())["trainer"] == raw["trainer"]
    (run_dir.path / "gate").write_text("go on")
    wait_until(bench.is_drained)
    assert (status_of(run_dir), kinds(run_dir)[2:], run_dir.out(2).exists()) == (RunStatus.FINISHED, FULL[1:], False)


def test_a_process_that_has_the_pid_of_a_trainer_now_is_left_alone(bench: Bench) -> None:
    """What proc.json says is believed only with the start time and the boot: a pid may be another's by now."""
    [run_dir] = bench.run_dirs(1)
    (run_dir.path / "behaviour").write_text("obey")
    queue.enqueue(bench.home, [bench.ticket(run_dir)])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: "metric" in kinds(run_dir) and json.loads(run_dir.proc.read_text())["trainer"])
    raw = json.loads(run_dir.proc.read_text())
    with subprocess.Popen(["sleep", "600"]) as bystander:
        os.kill(raw["shim"]["pid"], signal.SIGKILL)
        os.kill(raw["trainer"]["pid"], signal.SIGKILL)
        other = {"pid": bystander.pid, "start_ticks": raw["trainer"]["start_ticks"]}
        run_dir.proc.write_text(json.dumps({**raw, "shim": other, "trainer": other, "pgid": bystander.pid}))
        leftover = locks.take(run_dir.alive_lock, patience=5)  # something of the attempt still holds it
        assert leftover is not None
        request_stop(run_dir, 1, grace=0.0)
        schedule(bench.home, bench.launcher("finish"))
        wait_until(lambda: json.loads(run_dir.proc.read_text())["shim"] != other)
        os.close(leftover)
        wait_until(bench.is_drained)
        assert bystander.poll() is None
        bystander.kill()
    assert status_of(run_dir) is RunStatus.FAILED


@pytest.mark.parametrize(("behaviour", "expected"), [("obey", "stopped"), ("ignore", "failed"), ("killed", "failed")])
def test_an_adopted_trainer_is_stopped_killed_and_recorded_like_any(
    bench: Bench, behaviour: str, expected: str
) -> None:
    [run_dir] = bench.run_dirs(1)
    (run_dir.path / "behaviour").write_text("wait" if behaviour == "killed" else behaviour)
    queue.enqueue(bench.home, [bench.ticket(run_dir)])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: "metric" in kinds(run_dir) and json.loads(run_dir.proc.read_text())["trainer"])
    raw = json.loads(run_dir.proc.read_text())
    os.kill(raw["shim"]["pid"], signal.SIGKILL)
    wait_until(lambda: status_of(run_dir) is RunStatus.UNSUPERVISED)
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: status_of(run_dir) is RunStatus.RUNNING)
    if behaviour == "killed":
        os.kill(raw["trainer"]["pid"], signal.SIGKILL)
    else:
        request_stop(run_dir, 1, grace=0.2 if behaviour == "ignore" else None)
    wait_until(bench.is_drained)
    view = view_of(run_dir)
    assert view.status == expected
    if expected == "failed":
        assert view.failure is not None
        assert view.failure.failure_class == ("lost" if behaviour == "killed" else "killed_by_user")


def test_leftovers_of_an_attempt_go_with_an_adopted_trainer(bench: Bench) -> None:
    [run_dir] = bench.run_dirs(1)
    (run_dir.path / "behaviour").write_text("leave_a_child")
    queue.enqueue(bench.home, [bench.ticket(run_dir)])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: "telemetry" in kinds(run_dir) and json.loads(run_dir.proc.read_text())["trainer"])
    os.kill(json.loads(run_dir.proc.read_text())["shim"]["pid"], signal.SIGKILL)
    wait_until(lambda: status_of(run_dir) is RunStatus.UNSUPERVISED)
    schedule(bench.home, bench.launcher("finish"))
    (run_dir.path / "go").touch()
    wait_until(bench.is_drained)
    [telemetry] = [event for event in read_events(run_dir.events) if event["kind"] == "telemetry"]
    [child] = telemetry["pids"]
    stat = stat_of(child)  # a zombie until init looks
    assert stat is None or stat.state == "Z"
    assert status_of(run_dir) is RunStatus.FINISHED


def test_a_claim_that_came_to_nothing_is_made_again(bench: Bench) -> None:
    [run_dir] = bench.run_dirs(1)
    queue.enqueue(bench.home, [bench.ticket(run_dir)])
    with queue_lock(bench.home) as tickets:  # a scheduler that is killed right after the rename
        tickets.claim(tickets.waiting()[0])
    assert status_of(run_dir) is RunStatus.QUEUED
    schedule(bench.home, bench.launcher("finish"))
    wait_until(bench.is_drained)
    assert (kinds(run_dir), view_of(run_dir).attempt) == (FULL, 1)


def test_a_retry_that_was_written_twice_is_made_once(bench: Bench) -> None:
    [run_dir] = bench.run_dirs(1)
    (run_dir.path / "behaviour").write_text("wait")
    queue.enqueue(bench.home, [bench.ticket(run_dir, retries=3)])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: "metric" in kinds(run_dir))
    _kill_both(run_dir)
    (run_dir.path / "behaviour").write_text("finish")
    with queue_lock(bench.home) as tickets:  # a scheduler that is killed between the new ticket and the old one
        [started] = tickets.started()
        tickets.put(started._replace(attempt=2, retries=2))
    schedule(bench.home, bench.launcher("finish"))
    wait_until(bench.is_drained)
    assert view_of(run_dir).attempt == 2
    assert not run_dir.out(3).exists()
