"""Full disks and folders that cannot be written to, as real as the environment allows.

Mounting needs a privilege that containers often withhold. Where it is refused, a limit on the size of files and
folder permissions (with root's privilege to pass over them dropped) stand in: other means, the same kernel errors.
"""

import ctypes
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cli.command import COMMAND, Answer, Desk

_CHUNK = 64 * 1024
_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE = 1


def _mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _can_mount() -> bool:
    with TemporaryDirectory() as folder:
        if not _mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", folder):
            return False
        _unmount(Path(folder))
        return True


MOUNTS = _can_mount()
SHORTAGES = ("file size", *(["disk"] if MOUNTS else []))
LOCKS = ("permissions", *(["mount"] if MOUNTS else []))


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A disk of its own, `size` bytes large, mounted on the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    assert _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        _unmount(folder)


def fill(disk: Path, leave: int = 0) -> None:
    """Writes until the disk has `leave` bytes left."""
    with suppress(OSError), (disk / "filler").open("ab", buffering=0) as file:
        while room := max(0, free_bytes(disk) - leave):
            file.write(bytes(min(room, _CHUNK)))


def free_bytes(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


def free(disk: Path) -> None:
    (disk / "filler").unlink()


@dataclass(frozen=True, slots=True)
class Shortage:
    """A desk whose disk can run out, either way."""

    desk: Desk
    disk: Path | None

    def short(self, leave: int, *arguments: str) -> Answer:
        """Runs a command that finds `leave` bytes of disk, or may write no file larger than that."""
        if self.disk is None:
            return run(self.desk, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (leave, leave)), *arguments)
        fill(self.disk, leave)
        try:
            return self.desk(*arguments)
        finally:
            free(self.disk)


@contextmanager
def shortage(folder: Path, kind: str, size: int) -> Iterator[Shortage]:
    if kind == "file size":
        yield Shortage(Desk(folder), None)
        return
    with small_disk(folder / "disk", size) as disk:
        yield Shortage(Desk(disk), disk)


@contextmanager
def write_protected(desk: Desk, kind: str) -> Iterator[Callable[..., Answer]]:
    """Write-protects the desk's home; yields what runs commands then."""
    home = str(desk.home)
    if kind == "mount":
        assert _mount("--bind", home, home)
        try:
            assert _mount("-o", "remount,bind,ro", home)
            yield desk
        finally:
            _unmount(desk.home)
        return
    mode = desk.home.stat().st_mode
    desk.home.chmod(0o555)
    try:
        yield lambda *arguments: run(desk, _drop_override, *arguments)
    finally:
        desk.home.chmod(mode)


def _drop_override() -> None:
    """Root passes over permissions by a capability, which what is executed next cannot have any more."""
    if os.geteuid() == 0:
        assert ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0) == 0


def run(desk: Desk, prepare: Callable[[], object], *arguments: str) -> Answer:
    """Runs a command after `prepare` in its process."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=desk.folder,
        env=desk.environment(),
        text=True,
        capture_output=True,
        check=False,
        preexec_fn=prepare,
    )
    return Answer(done.returncode, done.stdout, done.stderr)
