"""The GPUs of this machine as the driver lists them, asked of a child process: NVML never enters ours."""

import subprocess
from dataclasses import dataclass

_FIELDS = "uuid,name,memory.total,memory.free"
_SECONDS = 10
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU. Memory in bytes; `free_bytes` is of the moment when it was asked."""

    uuid: str
    name: str
    memory_bytes: int
    free_bytes: int


def list_gpus() -> list[Gpu]:
    """The GPUs in the driver's order; none without a driver, or when it does not answer within 10 seconds."""
    command = ["nvidia-smi", f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return parse_gpus(done.stdout)


def parse_gpus(text: str) -> list[Gpu]:
    """Reads the driver's lines `uuid, name, MiB, MiB`; lines with `[N/A]` in place of a number are passed over."""
    gpus = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) == 4 and fields[2].isdigit() and fields[3].isdigit():
            gpus.append(Gpu(fields[0], fields[1], int(fields[2]) * _MIB, int(fields[3]) * _MIB))
    return gpus
