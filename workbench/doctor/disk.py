"""Free space under the home and the hub's cache, and what kind of file system the home is on."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from workbench.doctor.check import Check, Place, State
from workbench.doctor.mounts import IN_MEMORY, Mount, mount_of, nearest_existing
from workbench.report.numbers import size
from workbench.run.layout import Home

_LITTLE, _NOTHING = 5_000_000_000, 200_000_000
_HOME_FIX = "free some space, or put the home on a larger disk: --home, $WORKBENCH_HOME"
_CACHE_FIX = "free some space (hf cache delete), or name another cache in HF_HOME"
_LOCAL = "keep the home on a local disk: --home, $WORKBENCH_HOME"


def check_space(place: Place) -> Iterator[Check]:
    """Free bytes where runs and models go."""
    for name, folder, fix in (
        ("disk", place.home.path, _HOME_FIX),
        ("hub cache", hub_cache(os.environ), _CACHE_FIX),
    ):
        free = shutil.disk_usage(nearest_existing(folder)).free
        state = space_state(free)
        yield Check(name, state, f"{size(free)} free for {folder}", fix if state != "ok" else "")


def space_state(free_bytes: int) -> State:
    return "failing" if free_bytes < _NOTHING else "warning" if free_bytes < _LITTLE else "ok"


def check_file_system(place: Place) -> Iterator[Check]:
    """The kind of file system under the home."""
    mount = mount_of(nearest_existing(place.home.path))
    if mount is None:
        yield Check("file system", "warning", "cannot be told from /proc/self/mountinfo", "look with: df -T")
    else:
        yield judge_mount(mount, place.home)


def judge_mount(mount: Mount, home: Home) -> Check:
    """Whether DuckDB and locks are safe there, and whether runs are kept."""
    message = f"{mount.kind} on {mount.point}"
    if mount.is_read_only:
        return Check("file system", "failing", f"{message} is read-only", "mount it for writing, or name another home")
    if mount.is_network:
        return Check("file system", "warning", f"{message} is shared: {home.database.name} is not safe there", _LOCAL)
    if mount.kind in IN_MEMORY:
        message = f"{message} is in memory: runs there end with the machine or its container"
        return Check("file system", "warning", message, "put the home on a disk: --home, $WORKBENCH_HOME")
    return Check("file system", "ok", message)


def hub_cache(environment: Mapping[str, str]) -> Path:
    """Where huggingface_hub keeps models, as it works that out itself."""
    if named := environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE"):
        return Path(named).expanduser()
    if named := environment.get("HF_HOME"):
        return Path(named).expanduser() / "hub"
    return Path(environment.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "huggingface" / "hub"
