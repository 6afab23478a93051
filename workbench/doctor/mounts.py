"""Which file system a path is on."""

import os
from dataclasses import dataclass
from pathlib import Path

from workbench.run.cgroups import unescaped

NETWORK = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gpfs"),
        *("beegfs", "glusterfs", "ocfs2", "gfs2", "pvfs2", "orangefs", "wekafs"),
    )
)
IN_MEMORY = frozenset(("tmpfs", "ramfs"))


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system. `is_read_only` is of this mount."""

    point: Path
    kind: str
    is_read_only: bool

    @property
    def is_network(self) -> bool:
        """Whether other machines see it; anything in user space (sshfs, s3fs) counts, as its locks cannot be told."""
        return self.kind in NETWORK or self.kind.startswith("fuse")


def mount_of(path: Path, mountinfo: Path = Path("/proc/self/mountinfo")) -> Mount | None:
    """The mount that holds an existing path: of those above it the deepest, the last one mounted there."""
    real = Path(os.path.realpath(path))
    found: Mount | None = None
    for line in mountinfo.read_text(encoding="utf-8", errors="replace").splitlines():
        place, _, source = line.partition(" - ")
        fields = place.split()
        mount = Mount(Path(unescaped(fields[4])), source.split(" ", 1)[0], "ro" in fields[5].split(","))
        if real.is_relative_to(mount.point) and (found is None or mount.point.is_relative_to(found.point)):
            found = mount
    return found


def nearest_existing(path: Path) -> Path:
    """The path itself or the nearest folder above it that is there."""
    return next(folder for folder in (path, *path.parents) if folder.exists())
