"""The kernel and the limits that it puts on processes, and the clock."""

import os
import platform
import resource
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import workbench
from workbench.doctor.check import Check, Place
from workbench.run.process import boot_id, identify

_FEW_FILES = 1024
_WSL_FIX = "use WSL2: wsl --set-version DISTRIBUTION 2"
_DATE_FIX = "set the clock: runs are ordered by it"


def check_system(place: Place) -> Iterator[Check]:
    """The kernel, and what supervision needs of it."""
    kernel = platform.release()
    message = f"Linux {kernel}{_surroundings(kernel)}"
    if is_wsl1(kernel):
        yield Check("system", "failing", f"{message}: WSL1 has no real Linux kernel", _WSL_FIX)
        return
    try:
        identify(os.getpid())
        os.close(os.pidfd_open(os.getpid()))
    except OSError as error:
        fix = "use Linux 5.4 or newer with /proc mounted; a sandbox may forbid pidfd_open"
        yield Check("system", "failing", f"{message}: processes cannot be told apart ({error})", fix)
    else:
        yield Check("system", "ok", message)


def is_wsl1(kernel: str) -> bool:
    """WSL1 says `4.4.0-19041-Microsoft`, WSL2 `5.15.90.1-microsoft-standard-WSL2`."""
    return kernel.endswith("-Microsoft")


def _surroundings(kernel: str) -> str:
    if "microsoft" in kernel.lower():
        return " on WSL2 (its memory is capped in .wslconfig; keep the home out of /mnt/c)"
    inside = any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv"))
    return " in a container" if inside else ""


def check_limits(place: Place) -> Iterator[Check]:
    """Limits on open files, address space, file size and core files."""
    kinds = (resource.RLIMIT_NOFILE, resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE)
    yield judge_limits(*(resource.getrlimit(kind)[0] for kind in kinds))


def judge_limits(files: int, address_space: int, file_size: int, core: int) -> Check:
    """Soft limits: a number of files, and bytes; -1 for none."""
    said, fixes = [f"{'no limit on' if files == -1 else f'{files:,}'} open files"], []
    if 0 <= files < _FEW_FILES:
        fixes.append("ulimit -n 4096")
    for name, limit, option in (("address space", address_space, "-v"), ("file size", file_size, "-f")):
        if limit != -1:
            said.append(f"{name} limited to {limit:,} bytes")
            fixes.append(f"ulimit {option} unlimited")
    said.append("no core files" if core == 0 else "core files are written")
    return Check("limits", "warning" if fixes else "ok", ", ".join(said), "; ".join(fixes))


def check_clock(place: Place) -> Iterator[Check]:
    """The boot id, by which runs of before a reboot are told, and a clock that is not behind its own files."""
    try:
        boot = boot_id()
    except OSError as error:
        fix = "mount /proc/sys for reading: without it a run of before a reboot cannot be told"
        yield Check("clock", "failing", f"no boot id: {error}", fix)
        return
    yield judge_clock(time.time(), Path(workbench.__file__).stat().st_mtime, boot)


def judge_clock(now: float, installed: float, boot: str) -> Check:
    """`now` and the time of installation in Unix seconds."""
    message = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M} UTC, boot id {boot[:8]}"
    if now < installed:
        return Check("clock", "warning", f"{message}: that is before the workbench was installed", _DATE_FIX)
    return Check("clock", "ok", message)
