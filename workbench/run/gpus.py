"""The GPUs of this machine as the driver lists them, asked of a child process: NVML never enters ours.

The child is `workbench.run.nvml`. nvidia-smi, which reads the same library, is not needed beside it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_COMMAND = (sys.executable, "-P", "-m", "workbench.run.nvml")
_SECONDS = 10.0
_REAP_SECONDS = 1.0
# A driver on Linux (which makes the device files when it is first asked) and one on WSL2.
_DRIVER_MARKS = (Path("/dev/nvidiactl"), Path("/proc/driver/nvidia"), Path("/dev/dxg"))


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process that computes on a GPU, and the bytes that it takes there. The pid is the host's."""

    pid: int
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU. Memory in bytes; `free_bytes` and all that follows are of the moment when it was asked.

    What the driver does not tell is None. `gpu_percent` is the share of time in which anything was computed,
    `memory_percent` that in which memory was read or written.
    """

    uuid: str
    name: str
    memory_bytes: int
    free_bytes: int
    gpu_percent: float | None = None
    memory_percent: float | None = None
    celsius: float | None = None
    watts: float | None = None
    processes: tuple[GpuProcess, ...] = ()


@dataclass(frozen=True, slots=True)
class DriverReport:
    """The driver's answer. `places` are its GPUs in order, None for one that cannot be used, as `problems` says.

    `driver` is its version, None where there is none or it did not answer; `cuda` the newest CUDA that it runs.
    """

    driver: str | None = None
    cuda: str | None = None
    places: tuple[Gpu | None, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def gpus(self) -> tuple[Gpu, ...]:
        return tuple(gpu for gpu in self.places if gpu is not None)


@cache
def list_gpus() -> tuple[Gpu, ...]:
    """The GPUs that runs may use, in the driver's order: those that `CUDA_VISIBLE_DEVICES` leaves visible.

    None without a driver, when it does not answer within 10 seconds, or with a torch that was built without CUDA.
    Asked once per process.
    """
    return gpus_now()


def gpus_now() -> tuple[Gpu, ...]:
    """`list_gpus` asked anew: what is free, and who computes there, at this moment."""
    if torch_cuda() is None:
        return ()
    return tuple(visible(ask_driver().places, os.environ.get("CUDA_VISIBLE_DEVICES")))


@cache
def torch_cuda() -> str | None:
    """The CUDA version that the installed torch was built for, None without torch or CUDA. Does not import it."""
    try:
        spec = find_spec("torch")
    except (ImportError, ValueError):  # a name that was set to None to keep torch out
        return None
    for folder in (spec.submodule_search_locations if spec else None) or ():
        return parse_torch_version(Path(folder) / "version.py")
    return None


def parse_torch_version(path: Path) -> str | None:
    """What torch's version.py says of CUDA, in a line such as `cuda: Optional[str] = '13.0'`."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        name, _, value = line.partition("=")
        if name.partition(":")[0].strip() == "cuda":
            return value.strip(" '\"") if value.strip() != "None" else None
    return None


def ask_driver() -> DriverReport:
    """Asks NVML in a child process that has 10 seconds. Starts none where there is no driver."""
    if not any(mark.exists() for mark in _DRIVER_MARKS):
        return DriverReport()
    child = subprocess.Popen(
        _COMMAND, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        out, err = child.communicate(timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        _abandon(child)
        return DriverReport(problems=(f"the driver did not answer within {_SECONDS:g} s",))
    if child.returncode:
        return DriverReport(problems=((err.strip().splitlines() or ["NVML ended without a word"])[-1],))
    return parse_report(json.loads(out))


def _abandon(child: subprocess.Popen[str]) -> None:
    """Kills the child. One that hangs inside of the driver does not even die, and is not waited for."""
    child.kill()
    try:
        child.communicate(timeout=_REAP_SECONDS)
    except subprocess.TimeoutExpired:
        for pipe in filter(None, (child.stdout, child.stderr)):
            pipe.close()


def parse_report(raw: dict[str, Any]) -> DriverReport:
    """Reads the child's answer. GPUs that do not tell their memory are passed over: nothing could be planned there."""
    places: list[Gpu | None] = []
    problems: list[str] = []
    for index, gpu in enumerate(raw["gpus"]):
        if "error" in gpu or gpu["memory_bytes"] is None:
            places.append(None)
            problems.append(f"GPU {index}: {gpu.get('error') or gpu['name'] + ' does not tell its memory'}")
        else:
            places.append(_gpu(gpu))
    return DriverReport(raw["driver"], raw["cuda"], tuple(places), tuple(problems))


def _gpu(raw: dict[str, Any]) -> Gpu:
    return Gpu(
        raw["uuid"],
        raw["name"],
        raw["memory_bytes"],
        raw["free_bytes"],
        raw["gpu_percent"],
        raw["memory_percent"],
        raw["celsius"],
        raw["watts"],
        tuple(GpuProcess(process["pid"], process["bytes"]) for process in raw["processes"]),
    )


def visible(places: Sequence[Gpu | None], wanted: str | None) -> list[Gpu]:
    """What a value of `CUDA_VISIBLE_DEVICES` leaves: all for None, none for an empty one.

    Its parts are indices or beginnings of uuids; like CUDA, it ends at the first that fits none. A place without a
    GPU that can be used keeps its index.
    """
    if wanted is None:
        return [gpu for gpu in places if gpu]
    chosen: list[Gpu] = []
    for part in map(str.strip, wanted.split(",")):
        found = [gpu for index, gpu in enumerate(places) if part and gpu and _is_named(part, index, gpu)]
        if len(found) != 1 or found[0] in chosen:
            break
        chosen += found
    return chosen


def _is_named(part: str, index: int, gpu: Gpu) -> bool:
    return part == str(index) or gpu.uuid.startswith(part)
