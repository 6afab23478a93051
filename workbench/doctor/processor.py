"""The processor, its features, and memory."""

import os
from collections.abc import Iterator
from pathlib import Path

from workbench.doctor.check import Check, Place
from workbench.doctor.words import several
from workbench.report.numbers import size
from workbench.run.host_memory import available_memory, memory_limits, total_memory

_FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve")
_LITTLE_MEMORY = 2_000_000_000


def check_processor(place: Place) -> Iterator[Check]:
    """Cores and vector units."""
    usable, all_cores = len(os.sched_getaffinity(0)), os.cpu_count()
    has = cpu_features(Path("/proc/cpuinfo").read_text(errors="replace"))
    cores = several(usable, "core") if usable == all_cores else f"{usable} of {several(all_cores or 0, 'core')}"
    message = f"{cores}; {' '.join(name for name in _FEATURES if name in has) or 'no vector units known here'}"
    if has & {"avx2", "asimd"}:
        yield Check("cpu", "ok", message)
    else:
        yield Check("cpu", "warning", f"{message}: training is many times slower without AVX2", "use a newer machine")


def check_memory(place: Place) -> Iterator[Check]:
    """Memory, and the tightest limit of a control group on it."""
    available = available_memory()
    message = f"{size(available)} of {size(total_memory())} available"
    limits = sorted(memory_limits(), key=lambda limit: limit.free_bytes)
    if limits:
        first = limits[0]
        message += f"; {first.group} is limited to {size(first.limit_bytes)} and uses {size(first.used_bytes)}"
    if available < _LITTLE_MEMORY:
        yield Check("memory", "warning", message, "close other programs, or raise the limit of the container or job")
    else:
        yield Check("memory", "ok", message)


def cpu_features(text: str) -> set[str]:
    """The flags of the first processor in /proc/cpuinfo: `flags` on x86, `Features` on ARM."""
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return set(value.split())
    return set()
