"""Several runs followed by one program: slots, other programs, stopping."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.faults.processes import Bench, kinds, wait_until
from workbench.run.foreground import Follower, StopRequest
from workbench.run.launch import LocalLauncher
from workbench.run.layout import RunDir
from workbench.run.liveness import status_of
from workbench.run.queue import enqueue
from workbench.run.slots import Slot, acquire, cpu_slots, run_environment
from workbench.run.states import RunStatus

pytestmark = pytest.mark.slow

Event = dict[str, Any]
FULL = ["started", "metric", "metric", "metric", "finished"]


def _run_all(
    bench: Bench,
    runs: Sequence[RunDir],
    on_event: Callable[[Event], None],
    behaviour: str,
    jobs: int = 1,
    stop: StopRequest | None = None,
    on_wait: Callable[[str], None] = lambda message: None,
    launcher: LocalLauncher | None = None,
) -> dict[str, RunStatus]:
    """What `workbench run` does: puts runs into the queue and follows them."""
    launcher = launcher or bench.launcher(behaviour)
    mine = enqueue(bench.home, [bench.ticket(run_dir, jobs=jobs) for run_dir in runs])
    return Follower(bench.home, runs, mine, on_event, on_wait, stop or StopRequest(), launcher).follow()


def _runs(bench: Bench, count: int) -> list[RunDir]:
    return [bench.run_dir(f"{number:012x}") for number in range(count)]


def test_four_runs_two_at_a_time(bench: Bench) -> None:
    runs = _runs(bench, 4)
    events: list[Event] = []
    states = _run_all(bench, runs, events.append, "finish", jobs=2)
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
    states = _run_all(bench, runs, events.append, "exit3")
    assert set(states.values()) == {RunStatus.FAILED}
    assert [event["kind"] for event in events] == ["started", "failed"] * 2


def test_a_retry_hands_on_the_new_attempt_only(bench: Bench) -> None:
    run_dir = bench.run_dir()
    events: list[Event] = []
    assert bench.start(run_dir, "exit3").wait() == 1
    states = _run_all(bench, [run_dir], events.append, "finish")
    assert states == {run_dir.run_id: RunStatus.FINISHED}
    assert [event["kind"] for event in events] == FULL
    assert {event["attempt"] for event in events} == {2}


def test_a_shim_that_never_begins_is_put_on_hold_and_the_run_is_as_it_was(bench: Bench) -> None:
    run_dir, stop = bench.run_dir(), StopRequest()
    assert bench.start(run_dir, "finish").wait() == 0
    launcher = LocalLauncher(bench.home, cpu_slots, [sys.executable, "-c", "raise SystemExit(1)"])
    told: list[str] = []

    def on_wait(message: str) -> None:
        told.append(message)
        stop.stop()

    states = _run_all(bench, [run_dir], lambda event: None, "", stop=stop, on_wait=on_wait, launcher=launcher)
    assert states == {run_dir.run_id: RunStatus.FINISHED}
    assert "did not begin 5 times" in told[0]
    assert "shim.log" in told[0]


def test_a_stop_that_reaches_a_shim_before_it_is_ready_leaves_the_run_as_it_was(bench: Bench) -> None:
    run_dir, stop = bench.run_dir(), StopRequest()
    launcher = LocalLauncher(bench.home, cpu_slots, ["sh", "-c", "exec sleep 1"])
    threading.Timer(0.3, stop.stop).start()
    states = _run_all(bench, [run_dir], lambda event: None, "", stop=stop, launcher=launcher)
    assert states == {run_dir.run_id: RunStatus.STOPPED}
    assert not run_dir.out(1).exists()


def test_a_run_of_another_program_is_followed(bench: Bench) -> None:
    run_dir = bench.run_dir()
    events: list[Event] = []
    os.mkfifo(run_dir.path / "gate")
    bench.start_and_reach(run_dir, "until_told", "metric")

    def on_event(event: Event) -> None:
        events.append(event)
        if len(events) == 2:
            (run_dir.path / "gate").write_text("go on")

    states = _run_all(bench, [run_dir], on_event, "exit3")
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

    states = _run_all(bench, [first, second], events.append, "finish", on_wait=on_wait)
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

    states = _run_all(bench, [first, second], on_event, "obey", stop=stop)
    assert states == {first.run_id: RunStatus.STOPPED, second.run_id: RunStatus.STOPPED}
    assert [event["kind"] for event in events] == ["started", "metric", "stopped"]


def test_a_second_stop_kills(bench: Bench) -> None:
    run_dir, stop = bench.run_dir(), StopRequest()
    events: list[Event] = []

    def on_event(event: Event) -> None:
        events.append(event)
        if event["kind"] in ("metric", "warning"):
            stop.stop()

    states = _run_all(bench, [run_dir], on_event, "ignore", stop=stop)
    assert states == {run_dir.run_id: RunStatus.FAILED}
    assert events[-1]["class"] == "killed_by_user"


def test_a_stop_leaves_the_runs_of_other_programs_alone(bench: Bench) -> None:
    run_dir, stop = bench.run_dir(), StopRequest()
    started = bench.start_and_reach(run_dir, "obey", "metric")
    states = _run_all(bench, [run_dir], lambda event: stop.stop(), "finish", stop=stop)
    assert states == {run_dir.run_id: RunStatus.RUNNING}
    started.shim.terminate()
    assert started.shim.wait() == 1


def test_two_programs_with_the_same_runs_run_each_once(bench: Bench) -> None:
    runs = _runs(bench, 3)
    states: list[dict[str, RunStatus]] = []

    def program() -> None:
        states.append(_run_all(bench, runs, lambda event: None, "finish", jobs=2))

    programs = [threading.Thread(target=program) for _ in range(2)]
    for thread in programs:
        thread.start()
    for thread in programs:
        thread.join()
    assert states == [{run_dir.run_id: RunStatus.FINISHED for run_dir in runs}] * 2
    assert [kinds(run_dir) for run_dir in runs] == [FULL] * 3


@pytest.mark.parametrize("seed", range(8))
def test_a_shim_killed_at_any_moment_leaves_a_run_that_can_be_told_and_repeated(bench: Bench, seed: int) -> None:
    run_dir = bench.run_dir()
    shim = bench.start(run_dir, "finish")
    threading.Event().wait(0.03 * seed)
    shim.send_signal(signal.SIGKILL)
    shim.wait()
    wait_until(lambda: not status_of(run_dir).is_live)
    assert status_of(run_dir) in (RunStatus.STOPPED, RunStatus.LOST, RunStatus.FINISHED)
    assert bench.start(run_dir, "finish").wait() == 0
    assert status_of(run_dir) is RunStatus.FINISHED


def test_the_environment_of_a_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF"):
        monkeypatch.delenv(name, raising=False)
    cpu = run_environment(Slot("cpu", 0, "cpu"), 3)
    assert (cpu["CUDA_VISIBLE_DEVICES"], cpu["OMP_NUM_THREADS"], cpu["HF_HUB_OFFLINE"]) == ("", "3", "1")
    gpu = run_environment(Slot("GPU-1", 0, "gpu"), 1)
    assert (gpu["CUDA_VISIBLE_DEVICES"], gpu["CUDA_DEVICE_ORDER"]) == ("GPU-1", "PCI_BUS_ID")
    assert gpu["PYTORCH_CUDA_ALLOC_CONF"] == "expandable_segments:True"
    assert "PYTORCH_CUDA_ALLOC_CONF" not in cpu
    monkeypatch.setenv("PYTORCH_ALLOC_CONF", "max_split_size_mb:64")
    assert "PYTORCH_CUDA_ALLOC_CONF" not in run_environment(Slot("GPU-1", 0, "gpu"), 1)
