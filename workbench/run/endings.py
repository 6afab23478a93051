"""Why a trainer ended, where it did not say so itself."""

import os
import signal
from pathlib import Path
from typing import Any

from workbench.run.cgroups import memory_groups
from workbench.run.control import Reason
from workbench.run.failures import failure_class
from workbench.run.out_of_memory import out_of_memory

_COUNTERS = {1: "memory.oom_control", 2: "memory.events"}
_TAIL_BYTES = 4096
_TAIL_LINES = 20
_SILENT = "The trainer ended without a word."


def classify(returncode: int | None, asked: Reason | None, host_oom: bool, out: Path) -> dict[str, Any]:
    """The fields of a `failed` event.

    `returncode` is None for a trainer that was adopted, of which only its own parent could have learnt how it ended.
    `asked` is why it was told to end, if it was. `host_oom`: the kernel killed something here for memory meanwhile.
    """
    number = -returncode if returncode is not None and returncode < 0 else None
    how = {"signal": number} if number is not None else {} if returncode is None else {"exit_code": returncode}
    found = failure_class(_failure_class(returncode, asked, host_oom))
    if found.name == "crash" and (short := out_of_memory(last_lines(out))):
        found = failure_class(short)  # libraries that end the process themselves print it at most
    message = _crash_message(number, out) if found.name == "crash" else found.cause
    return {"class": found.name, "message": message, "hint": found.fixes[0], **how}


def _failure_class(returncode: int | None, asked: Reason | None, host_oom: bool) -> str:
    ended_by_signal = returncode in (None, -signal.SIGKILL, -signal.SIGTERM)
    if asked and ended_by_signal:
        return "preempted" if asked == "preempted" else "killed_by_user"
    if returncode in (None, -signal.SIGKILL) and host_oom:
        return "host_oom"
    if returncode is None:
        return "lost"
    return {-signal.SIGKILL: "killed", -signal.SIGTERM: "preempted"}.get(returncode, "crash")


def _crash_message(number: int | None, out: Path) -> str:
    said = last_lines(out)
    if number is None:
        return said or _SILENT
    name = signal.Signals(number).name if number in set(signal.Signals) else "unknown"
    return f"{said}\nThe trainer was ended by signal {number} ({name}).".lstrip()


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
