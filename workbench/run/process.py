"""Processes by identity: a pid alone may have been given to another process since."""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from signal import Signals

_PR_SET_CHILD_SUBREAPER = 36
_DEAD_STATES = ("Z", "X")


class ProcessId(NamedTuple):
    """One process for all time: start ticks tell reused pids apart, the boot id tells reboots apart."""

    pid: int
    start_ticks: int
    boot_id: str


class ProcessStat(NamedTuple):
    """What /proc/PID/stat says. `state` is one letter; `start_ticks` counts clock ticks since boot."""

    state: str
    parent: int
    start_ticks: int


@cache
def boot_id() -> str:
    """The kernel's identifier of the current boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def parse_stat(text: str) -> ProcessStat:
    """Reads one line of /proc/PID/stat. The name in it may hold spaces and brackets, so it is cut at the last one."""
    fields = text.rpartition(")")[2].split()
    return ProcessStat(fields[0], int(fields[1]), int(fields[19]))


def stat_of(pid: int) -> ProcessStat | None:
    """The stat of a process, None when there is none of that pid."""
    try:
        return parse_stat(Path(f"/proc/{pid}/stat").read_text(errors="replace"))
    except (FileNotFoundError, ProcessLookupError):
        return None


def identify(pid: int) -> ProcessId:
    """The identity of a process that is there now. Raises ProcessLookupError when it is not."""
    stat = stat_of(pid)
    if stat is None:
        raise ProcessLookupError(pid)
    return ProcessId(pid, stat.start_ticks, boot_id())


def seconds_since_start(process: ProcessId) -> float:
    """How long ago a process of this boot was started, by the clock that counts from the boot."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - process.start_ticks / os.sysconf("SC_CLK_TCK")


def is_alive(process: ProcessId) -> bool:
    """Whether this very process still runs. Zombies count as dead, as does everything of another boot."""
    if process.boot_id != boot_id():
        return False
    stat = stat_of(process.pid)
    return stat is not None and stat.start_ticks == process.start_ticks and stat.state not in _DEAD_STATES


def signal_process(process: ProcessId, number: "Signals") -> bool:
    """Sends a signal to this very process; False when it is gone. Never reaches another process of the same pid."""
    from signal import pidfd_send_signal  # lists of runs signal nobody

    if not is_alive(process):
        return False
    try:
        pidfd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        # The pid may have changed hands between the first look and the open; from here on the pidfd is pinned.
        if not is_alive(process):
            return False
        pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(pidfd)
    return True


def processes_with(variables: Mapping[str, str]) -> list[ProcessId]:
    """Every living process whose environment has these values: what was started with them, and what that started."""
    wanted = {f"{name}={value}".encode() for name, value in variables.items()}
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(OSError):  # gone meanwhile, or another user's
                environment = Path(f"/proc/{entry}/environ").read_bytes().split(b"\0")
                if wanted <= set(environment):
                    found.append(identify(int(entry)))
    return found


def children_of(parent: int) -> list[int]:
    """The pids of the direct children of a process, zombies included."""
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    return [pid for pid in pids if (stat := stat_of(pid)) is not None and stat.parent == parent]


def set_subreaper() -> None:
    """Makes orphaned descendants become children of this process instead of init's. Raises OSError."""
    import ctypes  # for shims alone; lists of runs import this file, too

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
