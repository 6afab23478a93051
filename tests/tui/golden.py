"""Screens as text, compared with files that a person can read in a diff. `WRITE_GOLDENS=1` writes them anew."""

import difflib
import os
from pathlib import Path

FOLDER = Path(__file__).parent / "goldens"
WRITE = "WRITE_GOLDENS"


def wanted(name: str) -> str:
    """What `goldens/NAME.txt` says; nothing where there is no such file, or where it is to be written anew."""
    path = _path(name)
    return path.read_text(encoding="utf-8").removesuffix("\n") if path.exists() and not os.environ.get(WRITE) else ""


def compare(name: str, text: str) -> None:
    """Fails with the lines that differ from `goldens/NAME.txt`, or where there is no such file."""
    path = _path(name)
    if os.environ.get(WRITE):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    kept = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = difflib.unified_diff(kept.splitlines(), text.splitlines(), "kept", "drawn", lineterm="")
    assert text + "\n" == kept, f"{path.name}; {WRITE}=1 writes it anew\n" + "\n".join(lines)


def _path(name: str) -> Path:
    return FOLDER / f"{name}.txt"
