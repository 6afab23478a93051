"""Slots: what a machine can run at once. A lease is a lock that the run inherits, so a crash frees it."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench.errors import UsageError
from workbench.run import locks
from workbench.run.gpus import list_gpus
from workbench.run.layout import Home

Device = Literal["cpu", "gpu"]
_MOST_ON_CPU = 2
_ALLOCATOR = ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF")  # the first is known to all versions


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one run: the `index`-th on the CPU (`name` is `cpu`) or on a GPU (`name` is its uuid)."""

    name: str
    index: int
    device: Device

    @property
    def label(self) -> str:
        """The slot's name on disk and in proc.json."""
        return f"{self.name}.{self.index}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that let a process see this device alone."""
        if self.device == "cpu":
            return {"CUDA_VISIBLE_DEVICES": ""}
        return {"CUDA_VISIBLE_DEVICES": self.name, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}

    def lock_file(self, home: Home) -> Path:
        return home.slots / f"{self.label}.lock"


def slot_of(label: str) -> Slot:
    """The slot that a label names. Raises ValueError for one that names none."""
    name, _, index = label.rpartition(".")
    return Slot(name, int(index), "cpu" if name == "cpu" else "gpu")


def run_environment(slot: Slot, threads: int) -> dict[str, str]:
    """The variables of a trainer in this slot: its device, its threads, and no network, as models are local folders."""
    return {
        **slot.environment,
        **_allocator(slot),
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
    }


def _allocator(slot: Slot) -> dict[str, str]:
    """Segments that grow, so that a GPU has hardly more reserved than is in use; the user's own setting goes before.

    On an H200, 1 % more than in use instead of 15 to 18 %, and 14 to 33 % instead of 32 to 36 % with checkpointing.
    """
    if slot.device == "cpu" or any(name in os.environ for name in _ALLOCATOR):
        return {}
    return {_ALLOCATOR[0]: "expandable_segments:True"}


@dataclass(frozen=True, slots=True)
class Lease:
    """A held slot. It is free again once this and every process that inherited `descriptor` closed it."""

    slot: Slot
    descriptor: int

    def close(self) -> None:
        os.close(self.descriptor)


def cpu_slots(count: int) -> list[Slot]:
    return [Slot("cpu", index, "cpu") for index in range(count)]


def gpu_slots(count: int) -> list[Slot]:
    """At least `count` slots shared out evenly over the GPUs, one each first; none without a GPU."""
    uuids = [gpu.uuid for gpu in list_gpus()]
    if not uuids:
        return []
    rounds = -(-count // len(uuids))
    return [Slot(uuid, index, "gpu") for index in range(rounds) for uuid in uuids]


def machine_slots(jobs: int, device: Device | Literal["auto"] = "auto") -> list[Slot]:
    """The slots for `jobs` runs at once: on the GPUs where there are any, else on the CPU.

    Raises UsageError for fewer than one job, and for a GPU where there is none.
    """
    if jobs < 1:
        raise UsageError(f"{jobs} runs at once: expected at least 1")
    gpus = gpu_slots(jobs) if device != "cpu" else []
    if device == "gpu" and not gpus:
        raise UsageError(
            "no GPU found", "leave the device to `auto`, or use `cpu`; workbench doctor says what is there"
        )
    return gpus or cpu_slots(jobs)


def default_jobs() -> int:
    """How many runs this machine does at once where nobody says: one per GPU, else one per core, but two at most."""
    return len(list_gpus()) or min(_MOST_ON_CPU, len(os.sched_getaffinity(0)))


def threads_of_each(jobs: int) -> int:
    """The threads of a run among `jobs` at once: together never more than the cores.

    A run alone gets no more than one of several: its numbers are then the same, and on a busy machine more threads
    than free cores make steps many times slower.
    """
    return max(1, len(os.sched_getaffinity(0)) // max(jobs, default_jobs()))


def acquire(home: Home, slots: Iterable[Slot]) -> Lease | None:
    """Leases the first of these that is free, without waiting; None when all are taken."""
    home.slots.mkdir(parents=True, exist_ok=True)
    for slot in slots:
        descriptor = locks.take(slot.lock_file(home))
        if descriptor is not None:
            return Lease(slot, descriptor)
    return None
