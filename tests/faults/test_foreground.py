"""Several runs from one program: slots, following, other programs, stopping."""

import os
import signal
import sys
import threading
from typing import Any

import pytest

from tests.faults.processes import Bench, kinds, wait_until
from workbench.run.follow import follow
from workbench.run.foreground import StopRequest, run_all
from workbench.run.launch import LocalLauncher, run_environment
from workbench.run.layout import RunDir
from workbench.run.liveness import RunStatus, status_of
from workbench.run.proc import read_proc
from workbench.run.slots import Slot, acquire, cpu_slots

Event = dict[str, Any]
FULL = ["started", "metric", "metric", "metric", "finished"]


def _launcher(bench: Bench, behaviour: str, jobs: int = 1) -> LocalLauncher:
    return LocalLauncher(cpu_slots(jobs), bench.shim_command(behaviour))


def _runs(bench: Bench, count: int) -> list[RunDir]:
    return [bench.run_dir(f"{number:012x}") for number in range(count)]


def test_four_runs_two_at_a_time(bench: Bench) -> None:
    runs = _runs(bench, 4)
    events: list[Event] = []
    states = run_all(bench.home, runs, 2, 1, events.append, _launcher(bench, "finish", jobs=2))
    assert states == {run_dir.run_id: RunStatus.FINISHED for run_dir in runs}
    for run_dir in runs:
        assert [e["kind"] for e in events if e["run_id"] == run_dir.run_id] == FULL
    slots = {event["slot"] for event in events if event["kind"] == "started"}
    assert slots == {"cpu.0", "cpu.1"}
    assert max(_running_at_once(events)) <= 2


def _running_at_once(events: list[Event]) -> list[int]:
    at_work, counts = 0, []
    for event in sorted(events, key=lambda event: event["t"]):
        at_work += {"started": 1, "finished": -1}.get(event["kind"], 0)
        counts.append(at_work)
    return counts


def test_a_failure_does_not_keep_the_next_run_from_starting(bench: Bench) -> None:
    runs = _runs(bench, 2)
    events: list[Event] = []
    states = run_all(bench.home, runs, 1, 1, events.append, _launcher(bench, "exit3"))
    assert set(states.values()) == {RunStatus.FAILED}
    assert [event["kind"] for event in events] == ["started", "failed"] * 2


def test_a_retry_hands_on_the_new_attempt_only(bench: Bench) -> None:
    run_dir = bench.run_dir()
    events: list[Event] = []
    assert bench.start(run_dir, "exit3").wait() == 1
    states = run_all(bench.home, [run_dir], 1, 1, events.append, _launcher(bench, "finish"))
    assert states == {run_dir.run_id: RunStatus.FINISHED}
    assert [event["kind"] for event in events] == FULL
    assert {event["attempt"] for event in events} == {2}


def test_a_shim_that_never_begins_is_not_taken_for_the_attempt_before(bench: Bench) -> None:
    run_dir = bench.run_dir()
    assert bench.start(run_dir, "finish").wait() == 0
    launcher = LocalLauncher(cpu_slots(1), [sys.executable, "-c", "raise SystemExit(1)"])
    assert run_all(bench.home, [run_dir], 1, 1, lambda event: None, launcher) == {run_dir.run_id: RunStatus.LOST}
    assert status_of(run_dir) is RunStatus.FINISHED


def test_a_stop_that_reaches_a_shim_before_it_is_ready_leaves_the_run_as_it_was(bench: Bench) -> None:
    run_dir, stop = bench.run_dir(), StopRequest()
    launcher = LocalLauncher(cpu_slots(1), ["sh", "-c", "exec sleep 600"])
    threading.Timer(0.3, stop.stop).start()
    states = run_all(bench.home, [run_dir], 1, 1, lambda event: None, launcher, stop)
    assert states == {run_dir.run_id: RunStatus.CREATED}


def test_a_run_of_another_program_is_followed(bench: Bench) -> None:
    run_dir = bench.run_dir()
    events: list[Event] = []
    os.mkfifo(run_dir.path / "gate")
    bench.start_and_reach(run_dir, "until_told", "metric")

    def on_event(event: Event) -> None:
        events.append(event)
        if len(events) == 2:
            (run_dir.path / "gate").write_text("go on")

    states = run_all(bench.home, [run_dir], 1, 1, on_event, _launcher(bench, "exit3"))
    assert states == {run_dir.run_id: RunStatus.FINISHED}
    assert [event["kind"] for event in events] == ["started", "metric", *FULL[1:]]
    assert not run_dir.out(2).exists()


def test_waiting_for_a_slot_is_said_once_and_a_run_done_meanwhile_is_not_repeated(bench: Bench) -> None:
    first, second = _runs(bench, 2)
    lease = acquire(bench.home, cpu_slots(1))
    assert lease is not None
    told: list[str] = []
    events: list[Event] = []

    def on_wait(message: str) -> None:
        told.append(message)
        assert bench.start(first, "finish").wait() == 0
        lease.close()

    states = run_all(bench.home, [first, second], 1, 1, events.append, _launcher(bench, "finish"), on_wait=on_wait)
    assert set(states.values()) == {RunStatus.FINISHED}
    assert len(told) == 1
    assert [event["kind"] for event in events] == FULL * 2
    assert not first.out(2).exists()


def test_a_stop_lets_runs_save_and_starts_nothing_more(bench: Bench) -> None:
    first, second = _runs(bench, 2)
    stop = StopRequest()
    events: list[Event] = []

    def on_event(event: Event) -> None:
        events.append(event)
        if event["kind"] == "metric":
            stop.stop()

    states = run_all(bench.home, [first, second], 1, 1, on_event, _launcher(bench, "obey"), stop)
    assert states == {first.run_id: RunStatus.STOPPED, second.run_id: RunStatus.CREATED}
    assert [event["kind"] for event in events] == ["started", "metric", "stopped"]


def test_a_second_stop_kills(bench: Bench) -> None:
    run_dir, stop = bench.run_dir(), StopRequest()
    events: list[Event] = []

    def on_event(event: Event) -> None:
        events.append(event)
        if event["kind"] in ("metric", "warning"):
            stop.stop()

    states = run_all(bench.home, [run_dir], 1, 1, on_event, _launcher(bench, "ignore"), stop)
    assert states == {run_dir.run_id: RunStatus.FAILED}
    assert events[-1]["class"] == "killed_by_user"


def test_a_stop_leaves_the_runs_of_other_programs_alone(bench: Bench) -> None:
    run_dir, stop = bench.run_dir(), StopRequest()
    started = bench.start_and_reach(run_dir, "obey", "metric")
    states = run_all(bench.home, [run_dir], 1, 1, lambda event: stop.stop(), _launcher(bench, "finish"), stop)
    assert states == {run_dir.run_id: RunStatus.RUNNING}
    started.shim.terminate()
    assert started.shim.wait() == 1


def test_two_programs_with_the_same_runs_run_each_once(bench: Bench) -> None:
    runs = _runs(bench, 3)
    states: list[dict[str, RunStatus]] = []

    def program() -> None:
        states.append(run_all(bench.home, runs, 2, 1, lambda event: None, _launcher(bench, "finish", jobs=2)))

    programs = [threading.Thread(target=program) for _ in range(2)]
    for thread in programs:
        thread.start()
    for thread in programs:
        thread.join()
    assert states == [{run_dir.run_id: RunStatus.FINISHED for run_dir in runs}] * 2
    assert [kinds(run_dir) for run_dir in runs] == [FULL] * 3


def test_a_launcher_sees_its_run_from_the_start_and_finds_it_later(bench: Bench) -> None:
    run_dir = bench.run_dir()
    launcher = _launcher(bench, "obey")
    lease = acquire(bench.home, launcher.capacity())
    assert lease is not None
    handle = launcher.submit(run_dir, lease, threads=1, attempt=1)
    assert launcher.status(handle) is RunStatus.RUNNING
    assert acquire(bench.home, launcher.capacity()) is None
    wait_until(lambda: "metric" in kinds(run_dir))
    found = LocalLauncher(cpu_slots(1)).find(run_dir)
    assert found == handle
    record = read_proc(run_dir)
    assert record is not None
    assert (record.slot, record.threads) == ("cpu.0", 1)
    assert launcher.stop(found)
    wait_until(lambda: launcher.status(handle) is RunStatus.STOPPED)
    assert launcher.fetch(run_dir) == run_dir
    assert not launcher.stop(handle)


def test_following_ends_with_the_last_event_of_every_run(bench: Bench) -> None:
    runs = _runs(bench, 2)
    for run_dir, behaviour in zip(runs, ("finish", "exit3"), strict=True):
        bench.start(run_dir, behaviour)
    events = [event for batch in follow(runs) for event in batch]
    assert [e["kind"] for e in events if e["run_id"] == runs[0].run_id] == FULL
    assert [e["kind"] for e in events if e["run_id"] == runs[1].run_id] == ["started", "failed"]
    for shim in bench.shims:
        shim.wait()


def test_following_ends_when_it_is_told_to(bench: Bench) -> None:
    assert list(follow([bench.run_dir()], until=lambda: True)) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_a_shim_killed_at_any_moment_leaves_a_run_that_can_be_told_and_repeated(bench: Bench, seed: int) -> None:
    run_dir = bench.run_dir()
    shim = bench.start(run_dir, "finish")
    threading.Event().wait(0.03 * seed)
    shim.send_signal(signal.SIGKILL)
    shim.wait()
    wait_until(lambda: not status_of(run_dir).is_live)
    assert status_of(run_dir) in (RunStatus.CREATED, RunStatus.LOST, RunStatus.FINISHED)
    assert bench.start(run_dir, "finish").wait() == 0
    assert status_of(run_dir) is RunStatus.FINISHED


def test_the_environment_of_a_slot() -> None:
    cpu = run_environment(Slot("cpu", 0, "cpu"), 3)
    assert (cpu["CUDA_VISIBLE_DEVICES"], cpu["OMP_NUM_THREADS"], cpu["HF_HUB_OFFLINE"]) == ("", "3", "1")
    gpu = run_environment(Slot("GPU-1", 0, "gpu"), 1)
    assert (gpu["CUDA_VISIBLE_DEVICES"], gpu["CUDA_DEVICE_ORDER"]) == ("GPU-1", "PCI_BUS_ID")
