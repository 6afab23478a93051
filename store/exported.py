"""The marker by which the folders of `workbench export` are recognised, and what they may replace."""

import json
from pathlib import Path
from typing import Literal

from workbench import atomic
from workbench.errors import UsageError

Form = Literal["parquet", "csv"]
MARKER = "workbench_results.json"
_VERSION = 1


def write_marker(folder: Path, form: Form, files: list[str]) -> None:
    """Notes in the folder what the export wrote there."""
    atomic.write_json(folder / MARKER, {"v": _VERSION, "form": form, "files": files})


def check_place(folder: Path, force: bool) -> None:
    """Raises UsageError where something stands that an export must not replace.

    An empty folder may be filled; with `force` an export may be replaced that holds nothing else by now.
    """
    if not folder.exists() and not folder.is_symlink():
        return
    if folder.is_symlink() or not folder.is_dir():
        raise UsageError(f"{folder} exists already and is not a folder", "name a new folder")
    found = {path.name for path in folder.iterdir()}
    if not found:
        return
    if MARKER not in found:
        hint = "name a new folder, or empty it: --force replaces only what `workbench export` wrote"
        raise UsageError(f"{folder} is not empty" + (" and is no export" if force else ""), hint)
    if not force:
        raise UsageError(f"{folder} is not empty", "name a new folder, or replace this export with --force")
    if others := sorted(found - {MARKER, *_files(folder)}):
        raise UsageError(f"{folder} holds more than the export: {', '.join(others[:5])}", "move that away first")


def _files(folder: Path) -> set[str]:
    try:
        return set(json.loads((folder / MARKER).read_text(encoding="utf-8"))["files"])
    except (ValueError, KeyError, TypeError):
        return set()
