"""The memory (RAM) of this machine that is ours to use: what is free, and what control groups leave of it."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.run.cgroups import MemoryGroup, memory_groups

_MEMINFO = Path("/proc/meminfo")
# Version 1 says "no limit" with the largest number of pages; nothing near an exbibyte limits anything.
_NO_LIMIT = 1 << 60
_FILES = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    2: ("memory.max", "memory.current", "inactive_file"),
}


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """What a control group allows and has in use, in bytes. Cached files that can be dropped at once do not count."""

    group: Path
    limit_bytes: int
    used_bytes: int

    @property
    def free_bytes(self) -> int:
        return max(0, self.limit_bytes - self.used_bytes)


def available_memory() -> int:
    """Bytes that new programs can take without swapping or breaking a limit of a control group around us."""
    return min([_available_on_host(), *(limit.free_bytes for limit in memory_limits())])


def memory_limits(groups: Iterable[MemoryGroup] | None = None) -> list[MemoryLimit]:
    """Every limit that holds for this process, its own group's first; none on an unlimited machine."""
    groups = memory_groups() if groups is None else groups
    return [limit for group in groups for folder in group.upward() if (limit := _limit(folder, group.version))]


def total_memory() -> int:
    """Bytes of memory in this machine, whatever the limits."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _limit(folder: Path, version: int) -> MemoryLimit | None:
    limit_name, used_name, cached_key = _FILES[version]
    try:
        limit = (folder / limit_name).read_text().strip()
        if not limit.isdigit() or int(limit) >= _NO_LIMIT:  # "max" in version 2
            return None
        used = int((folder / used_name).read_text())
        cached = sum(_numbers(folder / "memory.stat", cached_key))
    except (OSError, ValueError):
        return None  # the group at the top of a hierarchy has no such files
    return MemoryLimit(folder, int(limit), max(0, used - cached))


def _available_on_host() -> int:
    for kilobytes in _numbers(_MEMINFO, "MemAvailable:"):
        return kilobytes * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")


def _numbers(path: Path, key: str) -> Iterator[int]:
    """The number after a key, once for each line that begins with it."""
    for line in path.read_text().splitlines():
        words = line.split()
        if words[:1] == [key]:
            yield int(words[1])
