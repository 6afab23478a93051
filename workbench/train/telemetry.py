"""What a run costs its machine, sampled beside the training: `telemetry` events.

Their `values` are, on a GPU, as NVML tells them of the whole device (None where it does not):

`gpu_percent`, `memory_percent`   share of time in which anything was computed; in which its memory was in use
`memory_bytes`, `free_bytes`      memory in use by all processes; memory left
`celsius`, `watts`                temperature and power draw

and on the CPU:

`cpu_cores`    cores kept busy by the trainer's process group, on average since the sample before
`rss_bytes`    the trainer's resident set, shared libraries included
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from workbench.run.events import EventLog
from workbench.run.nvml import read_load, read_memory

if TYPE_CHECKING:
    import torch

SECONDS = 10.0
_FIRST_SECONDS = 1.0  # so that a short run has a sample, too
_CLOSE_SECONDS = 5.0
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")

Values = dict[str, float | None]
Wait = Callable[[float], bool]


class SamplingError(Exception):
    """The device does not tell any more."""


class Sampler(Protocol):
    """Where the values come from."""

    def __call__(self) -> Values:
        """One sample. Raises SamplingError when there will be no more."""


@contextmanager
def telemetry(log: EventLog, device_uuid: str | None, seconds: float = SECONDS) -> Iterator[None]:
    """Samples around the block: soon after its start, every `seconds` and at its end. Never raises.

    `device_uuid` is NVML's (`GPU-…`) of the device in use, None for the CPU. Where sampling fails, a `warning` event
    says so and the run goes on without.
    """
    sampling = Sampling(log, lambda: _gpu_sampler(device_uuid) if device_uuid else CpuSampler(), seconds)
    sampling.start()
    try:
        yield
    finally:
        sampling.close()


def device_uuid(device: "torch.device") -> str | None:
    """NVML's name of a device of torch, None for the CPU. Only the slot's variable names a part (MIG)."""
    if device.type != "cuda":
        return None
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return named if named.startswith("MIG-") else f"GPU-{torch.cuda.get_device_properties(device).uuid}"


class Sampling:
    """A thread that writes samples into a log until it is closed. `open_sampler` is called in that thread."""

    def __init__(
        self, log: EventLog, open_sampler: Callable[[], Sampler], seconds: float = SECONDS, wait: Wait | None = None
    ) -> None:
        self._log, self._open_sampler, self._seconds = log, open_sampler, seconds
        self._ended = threading.Event()
        self._abandoned = False
        self._wait = wait or self._ended.wait
        # A daemon: a driver that hangs must not keep the trainer from ending.
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Writes a last sample and ends the thread. One that hangs is left alone after 5 s, and writes nothing more."""
        self._ended.set()
        self._thread.join(_CLOSE_SECONDS)
        self._abandoned = True

    def _run(self) -> None:
        try:
            sample = self._open_sampler()
            pause = min(_FIRST_SECONDS, self._seconds)
            while not self._wait(pause):
                self._write("telemetry", values=sample())
                pause = self._seconds
            self._write("telemetry", values=sample())
        except SamplingError as error:
            self._warn(f"no telemetry any more: {error}")
        except OSError as error:  # a full disk, of which the trainer's next event will tell
            _say(error)

    def _warn(self, message: str) -> None:
        try:
            self._write("warning", message=message)
        except OSError as error:
            _say(error)

    def _write(self, kind: str, **fields: Any) -> None:
        if not self._abandoned:  # the log may be closed by then, and its descriptor another file's
            self._log.write(kind, **fields)


def _say(error: OSError) -> None:
    print(f"no telemetry any more: {error}", file=sys.stderr)


class CpuSampler:
    """Cores in use and resident set, from /proc."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._group = clock, os.getpgrp()
        self._before = (clock(), group_seconds(self._group))

    def __call__(self) -> Values:
        now, (then, used) = (self._clock(), group_seconds(self._group)), self._before
        self._before = now
        # Of processes that nobody waited for, the time is gone with them: never less than nothing.
        cores = max(0.0, now[1] - used) / (now[0] - then) if now[0] > then else None
        return {"cpu_cores": round(cores, 3) if cores is not None else None, "rss_bytes": _rss_bytes()}


def group_seconds(group: int) -> float:
    """CPU seconds of all processes of a group and of those that they waited for."""
    return sum(filter(None, (_seconds(entry, group) for entry in os.listdir("/proc") if entry.isdigit())))


def _seconds(pid: str, group: int) -> float | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # After the name, which may hold anything: state, parent, group, … and from the 12th on four sums of ticks.
    fields = text.rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICK if int(fields[2]) == group else None


def _rss_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def _gpu_sampler(uuid: str) -> Sampler:
    """Reads the device by NVML in this process, which holds the driver's libraries anyway."""
    try:
        import pynvml
    except ImportError as error:
        raise SamplingError(f"nvidia-ml-py is not installed ({error})") from error

    def sample() -> Values:
        try:
            return read_device(pynvml, handle)
        except pynvml.NVMLError as error:
            raise SamplingError(f"{uuid}: {error}") from error

    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
    except pynvml.NVMLError as error:
        raise SamplingError(f"{uuid}: {error}") from error
    return sample


def read_device(nvml: Any, handle: Any) -> Values:
    """One sample of a device. Raises NVMLError when the device is gone."""
    memory = read_memory(nvml, handle)
    return {"memory_bytes": memory["used_bytes"], "free_bytes": memory["free_bytes"], **read_load(nvml, handle)}
