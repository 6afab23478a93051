"""The control groups that limit the memory of this process, in version 1 and version 2 and on hosts that have both."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_PROC = Path("/proc/self")


@dataclass(frozen=True, slots=True)
class MemoryGroup:
    """The folder of a control group in the memory hierarchy of a version, which is mounted at `top`."""

    version: Literal[1, 2]
    folder: Path
    top: Path

    def upward(self) -> Iterator[Path]:
        """Its folder and those of the groups around it, as far as they can be seen: each limits what is in it."""
        yield self.folder
        for parent in self.folder.parents if self.folder != self.top else ():
            yield parent
            if parent == self.top:
                return


def memory_groups(proc: Path = _PROC) -> list[MemoryGroup]:
    """The memory groups of this process; none where the system has none or does not show them.

    On hybrid hosts there is one of each version, and only one of the two has the files of the memory controller.
    """
    try:
        lines = (proc / "cgroup").read_text(encoding="utf-8").splitlines()
        mounts = (proc / "mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found: list[MemoryGroup] = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        version: Literal[1, 2] = 1 if controllers else 2
        if version == 1 and "memory" not in controllers.split(","):
            continue
        if (mount := _mount(mounts, version)) is not None:
            found.append(MemoryGroup(version, _folder(path, *mount), mount[1]))
    return found


def _mount(lines: list[str], version: Literal[1, 2]) -> tuple[str, Path] | None:
    """Which group the hierarchy is mounted from, and where."""
    for line in lines:
        place, _, source = line.partition(" - ")
        kind, _, options = source.split(" ", 2)
        if (version == 2 and kind == "cgroup2") or (
            kind == "cgroup" and version == 1 and "memory" in options.split(",")
        ):
            root, point = place.split()[3:5]
            return unescaped(root), Path(unescaped(point))
    return None


def _folder(path: str, root: str, point: Path) -> Path:
    """Where the group at `path` stands. In a container both may be told from outside of what is mounted.

    Of a group that is not below the mounted one, what limits the mounted one is all that can be seen.
    """
    below = os.path.relpath(path, root)
    folder = point / below
    return point if below.split("/")[0] == ".." or not folder.is_dir() else folder


def unescaped(text: str) -> str:
    """A path of mountinfo, in which blanks are written as `\\040`."""
    for code in ("\\040", "\\011", "\\012", "\\134"):
        text = text.replace(code, chr(int(code[1:], 8)))
    return text
