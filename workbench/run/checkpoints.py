"""`checkpoint/`: the states that a run can be resumed from, as anyone may look at them without loading one.

Each is a folder `step-NNNNNN` that appeared whole: an adapter, the state of training, and `manifest.json` with the size
and SHA-256 of every file.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from workbench.errors import InvalidError
from workbench.run.layout import RunDir

MANIFEST_NAME = "manifest.json"
ADAPTER_NAME = "adapter"
STATE_NAME = "training.pt"
_ROOM = 1 << 20  # configuration, random states, and what a file format adds to every tensor


class Checkpoint(NamedTuple):
    """A complete checkpoint: after step `step` of attempt `attempt`, `bytes` large in all."""

    step: int
    path: Path
    bytes: int
    attempt: int

    def manifest(self) -> dict[str, Any]:
        """What the writer noted. Raises InvalidError when it cannot be read any more."""
        return _manifest(self.path)


def complete_checkpoints(run_dir: RunDir) -> list[Checkpoint]:
    """Those whose files are all there in their sizes, newest first: of the later attempt, then of the later step."""
    found = [look for _, look in _looks(run_dir) if isinstance(look, Checkpoint)]
    return sorted(found, key=lambda checkpoint: (checkpoint.attempt, checkpoint.step), reverse=True)


def incomplete_checkpoints(run_dir: RunDir) -> dict[Path, str]:
    """The others, and what each lacks."""
    return {path: look for path, look in _looks(run_dir) if isinstance(look, str)}


def verify(checkpoint: Checkpoint) -> None:
    """Reads every file. Raises InvalidError where one is gone or is not what was written."""
    for name, facts in checkpoint.manifest()["files"].items():
        try:
            found = sha256_of(checkpoint.path / name)
        except OSError as error:
            raise _damaged(checkpoint.path, f"{name} cannot be read ({error})") from error
        if found != facts["sha256"]:
            raise _damaged(checkpoint.path, f"{name} is not what was written (its SHA-256 differs)")


def checkpoint_bytes(run_dir: RunDir) -> int:
    """Bytes of all that lies under `checkpoint/`, complete or not; 0 without the folder."""
    return sum(sizes_under(run_dir.checkpoints))


def remove_checkpoints(run_dir: RunDir) -> int:
    """Removes all of them and returns the bytes freed. The run must not be live."""
    freed = checkpoint_bytes(run_dir)
    with suppress(FileNotFoundError):
        import shutil  # brings every way of packing files along, and lists need none

        shutil.rmtree(run_dir.checkpoints)
    return freed


def estimated_bytes(trainable_params: int, optimizer: str) -> int:
    """About what a checkpoint takes at most: fp32 weights and two moments; 8-bit moments of small tensors are fp32."""
    return trainable_params * (4 if optimizer == "mezo" else 12) + _ROOM


def sha256_of(path: Path) -> str:
    import hashlib  # with it comes OpenSSL, and a list of runs needs none of it

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _looks(run_dir: RunDir) -> Iterator[tuple[Path, Checkpoint | str]]:
    # Names with a dot are still being written, or what a killed writer left.
    for path in sorted(run_dir.checkpoints.glob("step-*")):
        yield path, _look(path)


def _look(path: Path) -> Checkpoint | str:
    """The checkpoint, or what is wrong with it."""
    try:
        manifest = _manifest(path)
        sizes = {name: int(facts["bytes"]) for name, facts in manifest["files"].items()}
        size = sum(sizes.values()) + (path / MANIFEST_NAME).stat().st_size
        found = Checkpoint(int(manifest["step"]), path, size, int(manifest["attempt"]))
    except (InvalidError, OSError, KeyError, TypeError, ValueError, AttributeError):
        return f"its {MANIFEST_NAME} is missing or damaged"
    for name, size in sizes.items():
        try:
            there = (path / name).stat().st_size
        except OSError:
            return f"{name} is missing"
        if there != size:
            return f"{name} has {there} bytes of {size}"
    return found


def _manifest(path: Path) -> dict[str, Any]:
    try:
        raw = json.loads((path / MANIFEST_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path, f"{MANIFEST_NAME} cannot be read ({error})") from error
    if not isinstance(raw, dict):
        raise _damaged(path, f"{MANIFEST_NAME} is no object")
    return raw


def _damaged(path: Path, what: str) -> InvalidError:
    return InvalidError(f"{path}: {what}", "an earlier checkpoint may be whole; without one, start at step 0")


def sizes_under(folder: str | Path) -> Iterator[int]:
    """The bytes of every file in a folder and in those below; links are not followed."""
    # What vanishes meanwhile, under a writer that makes room, takes no space any more.
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from sizes_under(entry.path)
            else:
                with suppress(FileNotFoundError):
                    yield entry.stat(follow_symlinks=False).st_size
