"""Samples beside a run: real logs, a real thread, and no waiting but for that thread."""

import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unit.run.nvml_stand_in import H200, SPLIT, write_stand_in
from workbench.run.events import EventLog, read_events
from workbench.train.telemetry import CpuSampler, Sampling, SamplingError, Values, device_uuid, group_seconds, telemetry


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    opened = EventLog(tmp_path / "events.jsonl", "00000000000a", 1)
    yield opened
    opened.close()


def _values(folder: Path) -> list[Any]:
    return [event["values"] for event in read_events(folder / "events.jsonl") if event["kind"] == "telemetry"]


class Waits:
    """Stands for the passing of time: notes how long each wait would be, and ends after so many."""

    def __init__(self, count: int) -> None:
        self.left, self.asked, self.over = count, [], threading.Event()

    asked: list[float]

    def __call__(self, seconds: float) -> bool:
        self.asked.append(seconds)
        self.left -= 1
        if self.left < 0:
            self.over.set()
        return self.left < 0


def _sampling(log: EventLog, sampler: Any, waits: Waits) -> Sampling:
    sampling = Sampling(log, lambda: sampler, 10.0, waits)
    sampling.start()
    return sampling


def test_a_first_sample_comes_soon_and_a_last_one_at_the_end(log: EventLog, tmp_path: Path) -> None:
    waits, numbers = Waits(3), iter(range(10))
    sampling = _sampling(log, lambda: {"n": next(numbers)}, waits)
    assert waits.over.wait(10)
    sampling.close()
    assert _values(tmp_path) == [{"n": n} for n in range(4)]
    assert waits.asked == [1.0, 10.0, 10.0, 10.0]


def test_a_run_of_no_time_has_one_sample(log: EventLog, tmp_path: Path) -> None:
    with telemetry(log, None):
        pass
    [values] = _values(tmp_path)
    assert set(values) == {"cpu_cores", "rss_bytes"}
    assert values["rss_bytes"] > 10_000_000
    assert values["cpu_cores"] >= 0


def test_a_sampler_that_fails_warns_once_and_the_run_goes_on(log: EventLog, tmp_path: Path) -> None:
    samples: Iterator[Values] = iter([{"watts": 1.0}])

    def sample() -> Values:
        try:
            return next(samples)
        except StopIteration:
            raise SamplingError("GPU is lost") from None

    sampling = _sampling(log, sample, Waits(5))
    sampling.close()
    log.write("metric", step=1, values={})
    kinds = [event["kind"] for event in read_events(tmp_path / "events.jsonl")]
    assert kinds == ["telemetry", "warning", "metric"]
    assert read_events(tmp_path / "events.jsonl")[1]["message"] == "no telemetry any more: GPU is lost"


def test_a_sampler_that_hangs_is_left_alone_and_writes_nothing_later(
    log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.train.telemetry._CLOSE_SECONDS", 0.01)
    go_on, done = threading.Event(), threading.Event()

    def sample() -> Values:
        go_on.wait()
        done.set()
        return {"watts": 1.0}

    sampling = _sampling(log, sample, Waits(0))
    sampling.close()
    go_on.set()
    assert done.wait(10)
    sampling._thread.join(10)
    assert _values(tmp_path) == []


FULL = """
import os, resource, signal, sys
from pathlib import Path
from workbench.run.events import EventLog
from workbench.train.telemetry import telemetry
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = EventLog(Path(sys.argv[1]), "00000000000a", 1)
log.write("started", steps=1)
size = os.path.getsize(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
with telemetry(log, None):
    pass
print("went on")
"""


def test_a_full_disk_ends_the_samples_and_not_the_run(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    done = subprocess.run([sys.executable, "-P", "-c", FULL, str(path)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "went on\n")
    assert done.stderr.startswith("no telemetry any more: [Errno 27] File too large")
    assert [event["kind"] for event in read_events(path)] == ["started"]


BUSY = """
import time
end = time.process_time() + 0.3
while time.process_time() < end:
    pass
"""


def test_the_work_of_children_counts_while_they_live_and_after() -> None:
    before, began = group_seconds(os.getpgrp()), time.monotonic()
    subprocess.run([sys.executable, "-c", BUSY], check=True)
    spent = group_seconds(os.getpgrp()) - before
    assert spent >= 0.3
    # Whoever else is in the group of this test process can only add; there are no more cores than there are.
    assert spent <= (time.monotonic() - began) * (os.cpu_count() or 1) + 0.1


def test_cores_are_an_average_since_the_sample_before(monkeypatch: pytest.MonkeyPatch) -> None:
    used = iter([100.0, 115.0, 115.0, 114.0, 120.0])
    monkeypatch.setattr("workbench.train.telemetry.group_seconds", lambda group: next(used))
    clock = iter([50.0, 60.0, 70.0, 80.0, 80.0])
    sampler = CpuSampler(lambda: next(clock))
    assert [sampler()["cpu_cores"] for _ in range(4)] == [1.5, 0.0, 0.0, None]


GPU = """
import sys
from pathlib import Path
from workbench.run.events import EventLog
from workbench.train.telemetry import telemetry
log = EventLog(Path(sys.argv[1]), "00000000000a", 1)
with telemetry(log, sys.argv[2]):
    pass
log.close()
"""


def _on_gpu(folder: Path, uuid: str, *gpus: dict[str, Any]) -> list[dict[str, Any]]:
    scene = {"PYTHONPATH": str(write_stand_in(folder)), "STAND_IN": json.dumps({"gpus": gpus})}
    command = [sys.executable, "-P", "-c", GPU, str(folder / "events.jsonl"), uuid]
    subprocess.run(command, check=True, env={**os.environ, **scene})
    return read_events(folder / "events.jsonl")


def test_the_device_in_use_is_measured(tmp_path: Path) -> None:
    [event] = _on_gpu(tmp_path, "GPU-a1", SPLIT, H200)
    assert event["values"] == {
        "memory_bytes": 50_000,
        "free_bytes": 100_000,
        "gpu_percent": 97,
        "memory_percent": 41,
        "celsius": 61,
        "watts": 512.5,
    }


def test_what_a_device_does_not_tell_is_null(tmp_path: Path) -> None:
    [event] = _on_gpu(tmp_path, "GPU-b1", SPLIT, H200)
    told = {name for name, value in event["values"].items() if value is not None}
    assert told == {"memory_bytes", "free_bytes"}


@pytest.mark.parametrize(
    ("uuid", "gpu", "reason"),
    [("GPU-x", H200, "GPU-x: Not Found"), ("GPU-a1", {**H200, "lost": True}, "GPU-a1: GPU is lost")],
)
def test_a_device_that_is_gone_is_a_warning(tmp_path: Path, uuid: str, gpu: dict[str, Any], reason: str) -> None:
    [event] = _on_gpu(tmp_path, uuid, gpu)
    assert (event["kind"], event["message"]) == ("warning", f"no telemetry any more: {reason}")


def test_the_cpu_has_no_uuid() -> None:
    assert device_uuid(torch.device("cpu")) is None


def test_sampling_costs_next_to_nothing() -> None:
    before = resource.getrusage(resource.RUSAGE_THREAD)
    sampler = CpuSampler()
    for _ in range(20):
        sampler()
    after = resource.getrusage(resource.RUSAGE_THREAD)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent / 20 < 0.1  # of every 10 s
