"""Making a checkpoint that is there whole or not at all, whenever its writer is killed."""

import json
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from workbench import atomic
from workbench.run.checkpoints import MANIFEST_NAME, complete_checkpoints, sha256_of
from workbench.run.layout import RunDir

MANIFEST_VERSION = 1


def make_checkpoint(
    run_dir: RunDir, step: int, attempt: int, facts: Mapping[str, Any], fill: Callable[[Path], None]
) -> Path:
    """Has `fill` write the files into a folder, seals it with a manifest, and gives it its name.

    `facts` go into the manifest beside step, attempt, time and files. A checkpoint of that step that an earlier attempt
    left is replaced. Nothing is left behind when something goes wrong; raises what `fill` raised, and OSError.
    """
    target = run_dir.checkpoints / f"step-{step:06d}"
    fresh = run_dir.checkpoints / f".{target.name}.new"
    if not run_dir.checkpoints.is_dir():
        run_dir.checkpoints.mkdir()
        atomic.sync(run_dir.path)
    remove_debris(run_dir)
    fresh.mkdir()
    try:
        fill(fresh)
        head = {"v": MANIFEST_VERSION, "step": step, "attempt": attempt, "t": time.time(), **facts}
        _seal(fresh, head)
        replaced = _set_aside(target) if target.exists() else None
        fresh.rename(target)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    atomic.sync(run_dir.checkpoints)
    if replaced:
        shutil.rmtree(replaced, ignore_errors=True)
    return target


def keep_newest(run_dir: RunDir, count: int) -> None:
    """Removes the oldest complete checkpoints beyond `count`; damaged ones neither count nor go."""
    for old in complete_checkpoints(run_dir)[count:]:
        discard(old.path)


def discard(checkpoint: Path) -> None:
    """Removes a checkpoint so that a half-removed one never has its name."""
    shutil.rmtree(_set_aside(checkpoint), ignore_errors=True)


def remove_debris(run_dir: RunDir) -> None:
    """Removes what killed writers left. For the run's one trainer: nobody else writes here."""
    for path in run_dir.checkpoints.glob(".step-*"):
        with suppress(FileNotFoundError):
            shutil.rmtree(path)


def _set_aside(checkpoint: Path) -> Path:
    return checkpoint.rename(checkpoint.with_name(f".{checkpoint.name}.gone"))


def _seal(folder: Path, head: Mapping[str, Any]) -> None:
    """Writes the manifest over everything in the folder, and has all of it on the disk."""
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    files = {name: _facts(folder / name) for name in names}
    text = json.dumps({**head, "files": files}, indent=1) + "\n"
    (folder / MANIFEST_NAME).write_text(text, encoding="utf-8")
    for path in (*folder.rglob("*"), folder):
        atomic.sync(path)


def _facts(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
