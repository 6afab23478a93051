"""What every command shares: the home, and how answers are printed."""

import json
from pathlib import Path
from typing import Any

from workbench.run.layout import Home, find_home

_named: list[Path] = []


def remember_home(path: Path | None) -> None:
    """Keeps what `--home` said for the command that follows."""
    _named[:] = [path] if path else []


def current_home() -> Home:
    return find_home(_named[0] if _named else None)


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=1, ensure_ascii=False))
