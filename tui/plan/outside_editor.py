"""A text in the editor of the person's choice."""

import os
import shlex
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from textual.app import App, SuspendNotSupported

from workbench.errors import UsageError
from workbench.plan.files import read_text


def edited_outside(app: App[Any], text: str) -> str:
    """The text as `$EDITOR` leaves it. Raises UsageError where the screens cannot step aside, OSError, InvalidError."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "plan.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            with app.suspend():
                subprocess.run([*shlex.split(os.environ.get("EDITOR", "vi")), str(path)], check=False)
        except SuspendNotSupported:
            raise UsageError("no editor can be opened here", "use the screens in a terminal") from None
        return read_text(path)
