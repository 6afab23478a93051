"""Waiting for a GPU's memory, with a driver that answers as written here."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workbench.run import device_memory
from workbench.run.control import request_stop, stopping_reason
from workbench.run.device_memory import wait_for_release, wait_for_room
from workbench.run.events import read_events
from workbench.run.gpus import Gpu, GpuProcess
from workbench.run.handoff import Handoff
from workbench.run.layout import RunDir
from workbench.run.requests import StopRequests
from workbench.run.slots import Slot

GIB = 1 << 30
ON_GPU = Handoff(slot="GPU-1.0", memory_bytes=6 * GIB)


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    return RunDir(tmp_path)


@pytest.fixture
def requests(run_dir: RunDir) -> Iterator[StopRequests]:
    reading, writing = os.pipe2(os.O_NONBLOCK)
    os.write(writing, b"\0")  # readable: nothing is waited for
    yield StopRequests(run_dir, 1, reading)
    os.close(reading)
    os.close(writing)


def _answers(*free: int, total: int = 8) -> Callable[[Slot], Gpu | None]:
    left = list(free)
    return lambda slot: Gpu(slot.name, "a GPU", total * GIB, (left.pop(0) if len(left) > 1 else left[0]) * GIB)


def test_a_run_waits_until_its_estimate_is_free_and_says_so_once(run_dir: RunDir, requests: StopRequests) -> None:
    assert wait_for_room(run_dir, 1, ON_GPU, requests, _answers(1, 5, 6)) is None
    [warning] = read_events(run_dir.shim_events)
    assert warning["kind"] == "warning"
    assert "6.4 GB are estimated" in warning["message"]


@pytest.mark.parametrize(
    ("handoff", "gpu_of"),
    [
        (ON_GPU, _answers(7)),
        (ON_GPU, _answers(1, total=4)),  # it could never fit: the estimate may be wrong
        (ON_GPU, lambda slot: None),
        (Handoff(slot="cpu.0", memory_bytes=6 * GIB), _answers(1)),
        (Handoff(memory_bytes=6 * GIB), _answers(1)),
        (Handoff(slot="GPU-1.0"), _answers(1)),
    ],
)
def test_nothing_is_waited_for_without_need(
    run_dir: RunDir, requests: StopRequests, handoff: Handoff, gpu_of: Callable[[Slot], Gpu | None]
) -> None:
    assert wait_for_room(run_dir, 1, handoff, requests, gpu_of) is None
    assert not run_dir.shim_events.exists()


@pytest.mark.parametrize(("reason", "kind"), [("user", "stopped"), ("pause", "paused")])
def test_a_stop_ends_the_waiting(run_dir: RunDir, requests: StopRequests, reason: str, kind: str) -> None:
    request_stop(run_dir, 1, reason)  # type: ignore[arg-type]
    end = wait_for_room(run_dir, 1, ON_GPU, requests, _answers(1))
    assert end is not None
    assert end["kind"] == read_events(run_dir.shim_events)[-1]["kind"] == kind
    assert stopping_reason(run_dir, 1) == reason


def test_a_run_that_was_removed_waits_no_longer(run_dir: RunDir, requests: StopRequests) -> None:
    def gpu_of(slot: Slot) -> Gpu:
        if run_dir.shim_events.exists():
            shutil.rmtree(run_dir.path)
        return Gpu(slot.name, "a GPU", 8 * GIB, GIB)

    assert wait_for_room(run_dir, 1, ON_GPU, requests, gpu_of) is not None
    assert not run_dir.path.exists()


def test_a_slot_is_free_once_the_driver_has_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_memory, "_RELEASE_POLL", 0.0)
    holders = [(GpuProcess(77, GIB),), (GpuProcess(77, GIB), GpuProcess(5, None)), (GpuProcess(5, None),)]
    asked: list[Gpu] = []

    def gpu_of(slot: Slot) -> Gpu:
        asked.append(Gpu(slot.name, "a GPU", GIB, 0, processes=holders[len(asked)]))
        return asked[-1]

    wait_for_release(ON_GPU, 77, gpu_of)
    assert len(asked) == 3
    wait_for_release(Handoff(slot="cpu.0"), 77, gpu_of)
    assert len(asked) == 3
