"""The GPUs of this machine as the driver lists them, asked of a child process: NVML never enters ours."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version

_FIELDS = "uuid,name,memory.total,memory.free"
_SECONDS = 10
_WSL_PROGRAM = "/usr/lib/wsl/lib/nvidia-smi"  # often not on the PATH there
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU. Memory in bytes; `free_bytes` is of the moment when it was asked."""

    uuid: str
    name: str
    memory_bytes: int
    free_bytes: int
    processes: Mapping[int, int] = field(default_factory=dict)


def gpus_now() -> tuple[Gpu, ...]:
    return list_gpus()


@cache
def list_gpus() -> tuple[Gpu, ...]:
    """The GPUs that runs may use, in the driver's order: those that `CUDA_VISIBLE_DEVICES` leaves visible.

    None without a driver, when it does not answer within 10 seconds, or with a torch that was built without CUDA.
    Asked once per process.
    """
    if version("torch").endswith("+cpu"):
        return ()
    program = shutil.which("nvidia-smi") or _WSL_PROGRAM
    command = [program, f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(visible(parse_gpus(done.stdout), os.environ.get("CUDA_VISIBLE_DEVICES")))


def visible(gpus: Sequence[Gpu], wanted: str | None) -> list[Gpu]:
    """What a value of `CUDA_VISIBLE_DEVICES` leaves: all for None, none for an empty one.

    Its parts are indices or beginnings of uuids; like CUDA, it ends at the first that fits none.
    """
    if wanted is None:
        return list(gpus)
    chosen: list[Gpu] = []
    for part in map(str.strip, wanted.split(",")):
        found = [gpu for index, gpu in enumerate(gpus) if part and (part == str(index) or gpu.uuid.startswith(part))]
        if len(found) != 1 or found[0] in chosen:
            break
        chosen += found
    return chosen


def parse_gpus(text: str) -> list[Gpu]:
    """Reads the driver's lines `uuid, name, MiB, MiB`; lines with `[N/A]` in place of a number are passed over."""
    gpus = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) == 4 and fields[2].isdigit() and fields[3].isdigit():
            gpus.append(Gpu(fields[0], fields[1], int(fields[2]) * _MIB, int(fields[3]) * _MIB))
    return gpus
