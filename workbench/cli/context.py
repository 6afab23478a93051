"""What every command shares: the home, and how answers are printed."""

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from workbench.run.layout import Home, find_home

# What JSON may hold as it is but a terminal might obey, or no encoding can write: C1 controls, directions, surrogates.
_UNSAFE = "[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
_named: list[Path] = []

if TYPE_CHECKING:
    from store.intake import IngestReport

T = TypeVar("T")


def remember_home(path: Path | None) -> None:
    """Keeps what `--home` said for the command that follows."""
    _named[:] = [path] if path else []


def current_home() -> Home:
    return find_home(_named[0] if _named else None)


def how_home_was_chosen() -> str:
    """Which of the ways to name a home gave the current one, in words."""
    if _named:
        return "named by --home"
    if os.environ.get("WORKBENCH_HOME"):
        return "named by $WORKBENCH_HOME"
    return "the nearest one upward" if current_home().path.is_dir() else "in the current folder"


def refresh(home: Home) -> None:
    """Takes into the store what the logs have gained, and says on stderr what was wrong with them."""
    from store.ingest import ingest

    tell(ingest(home))


def answered(home: Home, ask: Callable[[], T]) -> T:
    """What `ask` reads from the store, brought up to date before; damage that only reading meets is mended once."""
    from store.rebuild import rebuild
    from store.schema import StaleStoreError

    refresh(home)
    try:
        return ask()
    except StaleStoreError as stale:
        tell(rebuild(home, stale.title))
    return ask()


def tell(report: "IngestReport") -> None:
    """Says on stderr why the database was made anew and what could not be used."""
    for line in filter(None, (report.notice, *report.warnings)):
        print(f"warning: {line}", file=sys.stderr)


def print_json(value: Any) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False)
    print(re.sub(_UNSAFE, lambda found: f"\\u{ord(found[0]):04x}", text))
