"""The trash of a home: a folder that things are moved to, and back from. Nothing in it is deleted until asked."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from workbench import atomic
from workbench.errors import NotFoundError, UsageError
from workbench.library.entry import Kind
from workbench.nearest import nearest
from workbench.run.checkpoints import sizes_under
from workbench.run.layout import Home, RunDir
from workbench.run.liveness import view_of
from workbench.run.removal import idle
from workbench.run.states import require
from workbench.run.tickets import queue_lock
from workbench.sample.mark import require_own

_NOTE, _KEPT = "trashed.json", "kept"


@dataclass(frozen=True, slots=True)
class Item:
    """Something in the trash. `origin` is where it stood, from the home; `trashed` is Unix seconds."""

    id: str
    kind: str
    name: str
    origin: str
    trashed: float
    bytes: int


def trash_folder(home: Home) -> Path:
    return home.path / "trash"


def items(home: Home) -> list[Item]:
    """What is in the trash, the newest first. Folders that are not whole are left out."""
    found = [_item(note.parent) for note in trash_folder(home).glob(f"*/{_NOTE}")]
    return sorted(filter(None, found), key=lambda item: (item.trashed, item.id), reverse=True)


def trash_file(home: Home, kind: Kind, name: str, path: Path) -> Item:
    """Moves a plan's or a recipe's file, or the folder of a study's. Raises UsageError for one outside of the home."""
    _require_own(home, path)
    return _move(home, kind, name, path.parent if kind is Kind.STUDY else path)


def trash_run(home: Home, run_dir: RunDir, name: str) -> Item:
    """Moves a run that is over. Raises WrongStateError for one that is live or queued, LockedError."""
    require("rm", run_dir.run_id, view_of(run_dir).status)
    with idle(run_dir):
        item = _move(home, Kind.RUN, name, run_dir.path)
    if home.queue.is_dir():
        with queue_lock(home) as tickets:
            tickets.drop_started(run_dir.run_id)
            tickets.drop_waiting(run_dir.run_id)
    return item


def restore(home: Home, word: str) -> Item:
    """Moves an item back to where it stood, by its identifier or its name; of several of one name the newest.

    Raises NotFoundError, and UsageError where something else stands there by now.
    """
    require_own(home)
    item = find_item(home, word)
    target = home.path / item.origin
    if target.exists():
        raise UsageError(f"{target} exists", "move it away, or rename it; then restore again")
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = trash_folder(home) / item.id
    (folder / _KEPT).rename(target)
    shutil.rmtree(folder)
    return item


def empty(home: Home, chosen: list[Item]) -> int:
    """Deletes these for good, and returns the bytes freed."""
    require_own(home)
    for item in chosen:
        shutil.rmtree(trash_folder(home) / item.id, ignore_errors=True)
    return sum(item.bytes for item in chosen)


def find_item(home: Home, word: str) -> Item:
    """The item with this identifier, else the newest of this name or file. Raises NotFoundError with the nearest."""
    known = items(home)
    for item in known:
        if word in (item.id, item.name, Path(item.origin).name):
            return item
    hint = nearest(word, dict.fromkeys(item.name for item in known)) if known else "the trash is empty"
    raise NotFoundError(f"nothing in the trash is called '{word}'", hint)


def _require_own(home: Home, path: Path) -> None:
    if not path.absolute().is_relative_to(home.path.absolute()):
        raise UsageError(f"{path} is not in {home.path}", "the trash is for what the home holds; remove others with rm")


def _move(home: Home, kind: Kind, name: str, path: Path) -> Item:
    """Into a folder of its own with a note of where it stood: the note is there before what it is about."""
    require_own(home)
    size = sum(sizes_under(path)) if path.is_dir() else path.stat().st_size
    origin = str(path.absolute().relative_to(home.path.absolute()))
    item = Item(uuid4().hex[:8], str(kind), name, origin, time.time(), size)
    with _folder(home, item) as folder:
        path.rename(folder / _KEPT)
    return item


@contextmanager
def _folder(home: Home, item: Item) -> Iterator[Path]:
    folder = trash_folder(home) / item.id
    folder.mkdir(parents=True)
    try:
        note = {"kind": item.kind, "name": item.name, "origin": item.origin, "t": item.trashed, "bytes": item.bytes}
        atomic.write_json(folder / _NOTE, note)
        yield folder
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _item(folder: Path) -> Item | None:
    """None for a folder whose thing is not there, or whose note cannot be read or leads out of the home."""
    try:
        note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
        origin = Path(str(note["origin"]))
        found = Item(
            folder.name, str(note["kind"]), str(note["name"]), str(origin), float(note["t"]), int(note["bytes"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if (folder / _KEPT).exists() and not origin.is_absolute() and ".." not in origin.parts else None
