"""Memory of a GPU around a run: enough of it before the trainer starts, all of it back before the slot is free."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from workbench.run.control import mark_stopping
from workbench.run.events import EventLog
from workbench.run.gpus import Gpu, gpus_now
from workbench.run.handoff import Handoff
from workbench.run.layout import RunDir
from workbench.run.requests import StopRequests
from workbench.run.slots import Slot, slot_of

_POLL_SECONDS = 1.0
_RELEASE_SECONDS = 30.0
_RELEASE_POLL = 0.5


def wait_for_room(
    run_dir: RunDir,
    attempt: int,
    handoff: Handoff,
    requests: StopRequests,
    gpu_of: Callable[[Slot], Gpu | None] = lambda slot: _gpu(slot),
) -> dict[str, Any] | None:
    """Waits until the slot's GPU has the estimated peak free; at once where it never could, or there is no GPU.

    The estimate may be wrong, so a GPU that is too small as a whole is tried. A stop meanwhile ends the attempt: then
    its terminal event, which is in the shim's log, is returned.
    """
    slot = slot_of(handoff.slot) if handoff.slot else None
    if slot is None or slot.device == "cpu" or not handoff.memory_bytes:
        return None
    said = False
    while (gpu := gpu_of(slot)) and gpu.free_bytes < handoff.memory_bytes <= gpu.memory_bytes:
        if not said:
            _log(run_dir, attempt, "warning", message=_sentence(gpu, handoff.memory_bytes))
            said = True
        asked = requests.take_within(_POLL_SECONDS)
        if not run_dir.path.is_dir():  # nobody is left to be told, and the slot is for others
            return {"kind": "stopped", "reason": "user", "step": 0}
        if asked.stop or asked.kill:
            reason = asked.stop.reason if asked.stop else "user"
            with suppress(OSError):
                mark_stopping(run_dir, attempt, reason)
            return _log(run_dir, attempt, "paused" if reason == "pause" else "stopped", reason=reason, step=0)
    return None


def wait_for_release(
    handoff: Handoff, trainer: int, gpu_of: Callable[[Slot], Gpu | None] = lambda slot: _gpu(slot)
) -> None:
    """Waits, at most 30 s, until the driver no longer counts memory of this (dead) process on the slot's GPU."""
    slot = slot_of(handoff.slot) if handoff.slot else None
    if slot is None or slot.device == "cpu":
        return
    deadline = time.monotonic() + _RELEASE_SECONDS
    while time.monotonic() < deadline and (gpu := gpu_of(slot)) and _counts(gpu, trainer):
        time.sleep(_RELEASE_POLL)


def _counts(gpu: Gpu, pid: int) -> bool:
    """Whether the driver has memory of this process. In a container it may know it by another pid: then it has not."""
    return any(process.pid == pid for process in gpu.processes)


def _gpu(slot: Slot) -> Gpu | None:
    return next((gpu for gpu in gpus_now() if gpu.uuid == slot.name), None)


def _sentence(gpu: Gpu, needed: int) -> str:
    free, wanted = (math.floor(value / 1e8) / 10 for value in (gpu.free_bytes, needed))
    return f"waiting for memory: {wanted} GB are estimated, and {gpu.name} has {free} GB free"


def _log(run_dir: RunDir, attempt: int, kind: str, **fields: Any) -> dict[str, Any]:
    log = EventLog(run_dir.shim_events, run_dir.run_id, attempt)
    log.write(kind, **fields)
    log.close()
    return {"kind": kind, **fields}
