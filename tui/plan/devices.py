"""Where a plan may run, with its memory: this machine, its GPUs, or a size by name."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.plan.picker import Choice
from workbench.errors import UsageError
from workbench.report.numbers import size

if TYPE_CHECKING:
    from workbench.run.gpus import Gpu

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(GB|GiB|G)?", re.IGNORECASE)
SIZES = (8, 12, 16, 24, 40, 48, 80)


@dataclass(frozen=True, slots=True)
class Device:
    """`name` is what it is called, `torch_name` what torch calls it; memory in bytes, None where that is not known."""

    name: str
    total_bytes: int | None
    torch_name: str = "cpu"

    @property
    def said(self) -> str:
        return f"{self.name} ({size(self.total_bytes)})" if self.total_bytes else self.name


def this_cpu() -> Device:
    """The memory of this machine that is ours to use."""
    from workbench.run.host_memory import memory_limits, total_memory

    return Device("cpu", min([total_memory(), *(limit.limit_bytes for limit in memory_limits())]))


def of_gpu(index: int, gpu: "Gpu") -> Device:
    return Device(f"GPU {index}, {gpu.name}", gpu.memory_bytes, f"cuda:{index}")


def named_size(text: str) -> Device:
    """A GPU of `24 GB`. Raises UsageError."""
    match = _SIZE.fullmatch(text.strip())
    if not match or not float(match[1]):
        raise UsageError(f"'{text}' is no size of memory", "write it as 24 GB")
    factor = 1 << 30 if (match[2] or "").lower() == "gib" else 10**9
    return Device("a GPU", round(float(match[1]) * factor), "cuda:0")


def choices(devices: list[Device]) -> list[Choice]:
    """The devices of this machine by their number, and sizes that GPUs come in."""
    here = [Choice(f"#{number}", device.said, "this machine") for number, device in enumerate(devices)]
    return [*here, *(Choice(f"{gigabytes} GB", f"{gigabytes} GB", "a GPU of that size") for gigabytes in SIZES)]


def chosen(answer: str, devices: list[Device]) -> Device:
    """Raises UsageError for a size that cannot be read."""
    return devices[int(answer[1:])] if answer.startswith("#") else named_size(answer)
