"""The plan that stood on the screen last: the program begins where it was left."""

from contextlib import suppress
from pathlib import Path

from workbench import atomic
from workbench.run.layout import Home


def note_left(home: Home, path: Path) -> None:
    """Nothing is noted where the home cannot be written to."""
    with suppress(OSError):
        place = _place(home)
        place.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_text(place, f"{path.absolute()}\n")


def left(home: Home) -> Path | None:
    """The file of that plan, which need not be written yet; None where only the first draft was ever shown."""
    try:
        text = _place(home).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return Path(text) if text else None


def _place(home: Home) -> Path:
    return home.path / "drafts" / "left"
