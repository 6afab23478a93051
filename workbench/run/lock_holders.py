"""Who holds a lock, told from /proc: the pid that took it, and every process that keeps it by inheritance."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

_COMMAND_CHARS = 120


def lock_owner(file: os.stat_result, kind: Literal["FLOCK", "POSIX"], exclusive: bool = False) -> int | None:
    """The pid that took such a lock on the file, from /proc/locks; None where nobody did or that cannot be told.

    With `exclusive` one that is shared does not count.

    Looks at names only: to open a file and close it again would end this process's own POSIX locks on it. Where others
    inherited a flock, the one that took it may be gone: see `flock_holders`.
    """
    target = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}"
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for words in map(str.split, lines):
        if words[1] == kind and words[5] == target and (words[3] == "WRITE" or not exclusive):
            return int(words[4])
    return None


def flock_holders(paths: Iterable[Path]) -> dict[Path, list[int]]:
    """For each of these files the pids of all processes that keep a flock on it, as far as they may be seen.

    A process of another user cannot be looked into: a file may be locked and have no holder here.
    """
    names = {os.path.realpath(path): path for path in paths}
    found: dict[Path, list[int]] = {path: [] for path in names.values()}
    for pid in (int(entry) for entry in os.listdir("/proc") if entry.isdigit()) if names else ():
        for descriptor, name in _open_files(pid):
            path = names.get(name)
            if path is not None and pid not in found[path] and _is_locked(pid, descriptor):
                found[path].append(pid)
    return found


def _open_files(pid: int) -> Iterator[tuple[str, str]]:
    """The descriptors of a process and what they are of; none when it is gone or another user's."""
    folder = f"/proc/{pid}/fd"
    try:
        descriptors = os.listdir(folder)
    except OSError:
        return
    for descriptor in descriptors:
        try:
            yield descriptor, os.readlink(f"{folder}/{descriptor}")
        except OSError:
            continue  # closed since


def _is_locked(pid: int, descriptor: str) -> bool:
    """Whether the lock is this descriptor's: an observer has the file open, too."""
    try:
        text = Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text()
    except OSError:
        return False
    return any(line.startswith("lock:") and "FLOCK" in line for line in text.splitlines())


def describe_process(pid: int) -> str:
    """`pid N (command)`, or `pid N` where the command cannot be read."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        command = b""
    words = command.decode(errors="replace").replace("\0", " ").strip()
    return f"pid {pid} ({words[:_COMMAND_CHARS]})" if words else f"pid {pid}"
