"""Screens as text, compared with files that a person can read in a diff. `WRITE_GOLDENS=1` writes them anew."""

import difflib
import os
from pathlib import Path

FOLDER = Path(__file__).parent / "goldens"
WRITE = "WRITE_GOLDENS"


def compare(name: str, text: str) -> None:
    """Fails with the lines that differ from `goldens/NAME.txt`, or where there is no such file."""
    path = FOLDER / f"{name}.txt"
    if os.environ.get(WRITE):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    wanted = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = difflib.unified_diff(wanted.splitlines(), text.splitlines(), "kept", "drawn", lineterm="")
    assert text + "\n" == wanted, f"{path.name}; {WRITE}=1 writes it anew\n" + "\n".join(lines)
