"""The state of a run whose processes are killed at every point."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.processes import Bench, kinds, wait_until, write_lines
from workbench.run import liveness, locks
from workbench.run.events import EventLog, read_events
from workbench.run.launch import RunHandle
from workbench.run.layout import RunDir
from workbench.run.liveness import status_of, view_of
from workbench.run.proc import ProcRecord, read_proc
from workbench.run.process import ProcessId, boot_id, identify
from workbench.run.queue import enqueue
from workbench.run.states import TRANSITIONS, RunStatus
from workbench.run.tickets import Ticket, queue_lock


def test_a_directory_without_an_attempt_and_a_ticket_is_stopped(bench: Bench) -> None:
    view = view_of(bench.run_dir())
    assert (view.status, view.attempt, view.step, view.steps) == (RunStatus.STOPPED, 0, None, None)
    assert "no ticket" in view.evidence


def test_a_run_with_a_ticket_is_queued_and_then_starting(bench: Bench) -> None:
    run_dir = bench.run_dir()
    enqueue(bench.home, [Ticket(run_dir.run_id, 0)])
    view = view_of(run_dir)
    assert (view.status, view.attempt, view.held) == (RunStatus.QUEUED, 1, False)
    assert "queue/waiting" in view.evidence
    own = locks.take(run_dir.shim_lock)
    assert own is not None
    with queue_lock(bench.home) as tickets:
        [ticket] = tickets.waiting()
        tickets.claim(ticket)
    assert view_of(run_dir).status is RunStatus.STARTING
    os.close(own)
    view = view_of(run_dir)  # whoever was to start it is gone
    assert view.status is RunStatus.QUEUED
    assert "whoever was to do it is gone" in view.evidence


def test_a_run_at_work(bench: Bench) -> None:
    run_dir = bench.run_dir()
    started = bench.start_and_reach(run_dir, "obey", "metric")
    view = view_of(run_dir)
    assert (view.status, view.attempt, view.step, view.steps) == (RunStatus.RUNNING, 1, 1, 3)
    assert view.failure is None
    assert f"trainer {started.trainer.pid}" in view.evidence
    started.shim.terminate()
    assert started.shim.wait() == 1


def test_a_run_outlives_its_shim_and_is_lost_only_with_its_trainer(bench: Bench) -> None:
    run_dir = bench.run_dir()
    started = bench.start_and_reach(run_dir, "wait", "metric")
    started.kill_shim()
    assert status_of(run_dir) is RunStatus.UNSUPERVISED
    started.kill_trainer()
    view = view_of(run_dir)
    assert view.status is RunStatus.LOST
    assert view.failure is not None
    assert view.failure.failure_class == "lost"


def test_an_unsupervised_run_can_finish(bench: Bench) -> None:
    run_dir = bench.run_dir()
    os.mkfifo(run_dir.path / "gate")
    started = bench.start_and_reach(run_dir, "until_told", "metric")
    started.kill_shim()
    assert status_of(run_dir) is RunStatus.UNSUPERVISED
    (run_dir.path / "gate").write_text("go on")
    wait_until(lambda: not status_of(run_dir).is_live)
    assert status_of(run_dir) is RunStatus.FINISHED


def test_an_unsupervised_run_can_be_stopped_by_any_program(bench: Bench) -> None:
    run_dir = bench.run_dir()
    bench.start_and_reach(run_dir, "obey", "metric").kill_shim()
    launcher, handle = bench.launcher("exit3"), RunHandle(run_dir.run_id, 1)
    assert launcher.stop(handle)
    wait_until(lambda: status_of(run_dir) is RunStatus.STOPPED)
    assert read_events(run_dir.events)[-1]["reason"] == "user"
    assert not launcher.stop(handle)


@pytest.mark.parametrize("trainer_first", [True, False])
def test_killing_both_loses_the_run_and_no_event(bench: Bench, trainer_first: bool) -> None:
    run_dir = bench.run_dir()
    started = bench.start_and_reach(run_dir, "steps", "metric")
    wait_until(lambda: len(kinds(run_dir)) > 50)
    if trainer_first:
        started.shim.send_signal(19)  # SIGSTOP: so that it cannot record the trainer's death
        started.kill_trainer()
        started.kill_shim()
    else:
        started.kill_shim()
        started.kill_trainer()
    assert status_of(run_dir) is RunStatus.LOST
    lines = run_dir.events.read_bytes().split(b"\n")[:-1]
    assert [json.loads(line)["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert len(read_events(run_dir.events)) == len(lines)


def test_a_lost_run_can_be_run_again(bench: Bench) -> None:
    run_dir = bench.run_dir()
    started = bench.start_and_reach(run_dir, "wait", "metric")
    started.kill_shim()
    started.kill_trainer()
    assert status_of(run_dir) is RunStatus.LOST
    assert bench.start(run_dir, "finish").wait() == 0
    view = view_of(run_dir)
    assert (view.status, view.attempt) == (RunStatus.FINISHED, 2)


def test_after_a_reboot_an_unfinished_run_is_lost(tmp_path: Path) -> None:
    run_dir = _begun(tmp_path, ProcessId(os.getpid(), identify(os.getpid()).start_ticks, "another boot"))
    assert status_of(run_dir) is RunStatus.LOST


def test_a_new_shim_is_not_judged_by_the_record_of_the_attempt_before(tmp_path: Path) -> None:
    run_dir = _begun(tmp_path, ProcessId(os.getpid(), identify(os.getpid()).start_ticks, "another boot"))
    lock = locks.take(run_dir.alive_lock)
    assert lock is not None
    own = locks.take(run_dir.shim_lock)
    assert own is not None
    run_dir.out(2).touch()
    assert status_of(run_dir) is RunStatus.STARTING
    os.close(lock)
    os.close(own)


@pytest.mark.parametrize(("silent_for", "stalled"), [(100, False), (130, True)])
def test_a_held_lock_and_a_long_silence_is_a_stall(tmp_path: Path, silent_for: float, stalled: bool) -> None:
    run_dir = _begun(tmp_path, _started_long_ago())
    _set_silence(run_dir, silent_for, step_seconds=1)
    with _locked(run_dir):
        assert status_of(run_dir) is (RunStatus.STALLED if stalled else RunStatus.RUNNING)
    assert status_of(run_dir) is RunStatus.LOST


def test_slow_steps_are_no_stall(tmp_path: Path) -> None:
    run_dir = _begun(tmp_path, _started_long_ago())
    _set_silence(run_dir, 200, step_seconds=60)
    with _locked(run_dir):
        assert status_of(run_dir) is RunStatus.RUNNING


def test_a_shim_that_waits_for_memory_is_starting_however_long_it_takes(tmp_path: Path) -> None:
    run_dir = _begun(tmp_path, _started_long_ago())
    warning = {"attempt": 1, "kind": "warning", "message": "waiting for memory", "t": 0.0, "mono": 0.0}
    write_lines(run_dir.shim_events, [warning])
    with _locked(run_dir):
        view = view_of(run_dir)
    assert view.status is RunStatus.STARTING
    assert view.evidence.endswith("which has yet to start the trainer: waiting for memory")


def test_a_trainer_that_says_nothing_from_its_start_on_is_stalled(tmp_path: Path) -> None:
    run_dir = _begun(tmp_path, _started_long_ago())
    with _locked(run_dir):
        assert status_of(run_dir) is RunStatus.STALLED
    assert RunStatus.STALLED in TRANSITIONS[RunStatus.STARTING]


@pytest.mark.parametrize("put_to", [-1e6, 1e6])
def test_a_clock_that_is_set_does_not_make_a_stall_or_hide_one(tmp_path: Path, put_to: float) -> None:
    run_dir = _begun(tmp_path, _started_long_ago())
    for silent_for, expected in ((1, RunStatus.RUNNING), (130, RunStatus.STALLED)):
        _set_silence(run_dir, silent_for, step_seconds=1, wall_clock=put_to)
        with _locked(run_dir):
            assert status_of(run_dir) is expected


@contextmanager
def _locked(run_dir: RunDir) -> Iterator[None]:
    held = [locks.take(path) for path in (run_dir.shim_lock, run_dir.alive_lock)]
    yield
    for lock in held:
        assert lock is not None
        os.close(lock)


def _started_long_ago() -> ProcessId:
    """A shim of this boot, as far as its record says."""
    return ProcessId(os.getpid(), identify(os.getpid()).start_ticks - 1_000_000, boot_id())


def test_observers_do_not_stop_a_lock_from_being_taken(tmp_path: Path) -> None:
    path = tmp_path / "alive.lock"
    assert not locks.is_held(path)
    lock = locks.take(path)
    assert lock is not None
    assert locks.is_held(path)
    assert locks.take(path) is None
    os.close(lock)
    assert not locks.is_held(path)


@pytest.mark.parametrize("second_answer", [True, False])
def test_a_shim_that_starts_between_two_reads_does_not_make_a_finished_run_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, second_answer: bool
) -> None:
    run_dir = _begun(tmp_path, identify(os.getpid()))
    EventLog(run_dir.events, run_dir.run_id, 1).write("finished", step=3)
    answers = iter([False, False, *[second_answer] * 4])

    def is_held(path: Path) -> bool:
        # Attempt 2 begins right after the first look at the locks; it is at work at the second, or killed by then.
        run_dir.out(2).touch()
        return next(answers)

    monkeypatch.setattr(liveness, "is_held", is_held)
    assert status_of(run_dir) is (RunStatus.STARTING if second_answer else RunStatus.LOST)


def test_a_damaged_proc_json_does_not_hide_the_run(tmp_path: Path) -> None:
    run_dir = _begun(tmp_path, identify(os.getpid()))
    run_dir.proc.write_text("{")
    assert read_proc(run_dir) is None
    assert status_of(run_dir) is RunStatus.LOST


def _begun(folder: Path, shim: ProcessId) -> RunDir:
    """A run whose first attempt has begun, with the lock free."""
    run_dir = RunDir(folder / "runs" / "aaaa00000000")
    run_dir.path.mkdir(parents=True)
    run_dir.out(1).touch()
    ProcRecord(1, shim, None, None, None).write(run_dir)
    return run_dir


def _set_silence(run_dir: RunDir, silent_for: float, step_seconds: float, wall_clock: float = 0.0) -> None:
    times = [silent_for + (5 - step) * step_seconds for step in range(1, 6)]
    events = [
        {
            "attempt": 1,
            "kind": "metric",
            "step": step,
            "t": time.time() + wall_clock - ago,
            "mono": time.monotonic() - ago,
            "values": {},
        }
        for step, ago in enumerate(times, start=1)
    ]
    write_lines(run_dir.events, events)
