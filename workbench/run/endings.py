"""Why a trainer ended, where it did not say so itself."""

import os
import signal
from pathlib import Path
from typing import Any

from workbench.run.cgroups import memory_groups
from workbench.run.failures import failure_class

_COUNTERS = {1: "memory.oom_control", 2: "memory.events"}
_TAIL_BYTES = 4096
_TAIL_LINES = 20
_SILENT = "The trainer ended without a word."


def classify(returncode: int, stop_asked: bool, host_oom: bool, out: Path) -> dict[str, Any]:
    """The fields of a `failed` event. `host_oom`: the kernel killed something here for memory meanwhile."""
    number = -returncode if returncode < 0 else None
    how = {"signal": number} if number is not None else {"exit_code": returncode}
    found = failure_class(_failure_class(number, stop_asked, host_oom))
    message = (last_lines(out) or _SILENT) if found.name == "crash" else found.cause
    return {"class": found.name, "message": message, "hint": found.fixes[0], **how}


def _failure_class(number: int | None, stop_asked: bool, host_oom: bool) -> str:
    if stop_asked:
        return "killed_by_user"
    if number == signal.SIGKILL:
        return "host_oom" if host_oom else "killed"
    return "crash"


def last_lines(path: Path) -> str:
    """The last lines of a text file, at most 20 and 4 KB; empty when there is no file."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-_TAIL_LINES:]).strip()


def oom_kills() -> int:
    """How many processes the kernel has killed for memory: in this control group, else on this machine."""
    counters = (group.folder / _COUNTERS[group.version] for group in memory_groups())
    for path in (*counters, Path("/proc/vmstat")):
        try:
            return parse_oom_kills(path.read_text())
        except OSError:
            continue
    return 0


def parse_oom_kills(text: str) -> int:
    """The `oom_kill` counter of memory.events, memory.oom_control or vmstat; 0 where the kernel has none."""
    counts = [line.split()[1] for line in text.splitlines() if line.startswith("oom_kill ")]
    return int(counts[0]) if counts else 0
