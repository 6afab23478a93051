"""A text in the editor that a person is used to, while the screens step aside."""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

from workbench.errors import UsageError

FALLBACK = "vi"


def editor_of(environment: Mapping[str, str]) -> list[str]:
    """The command of `$VISUAL`, else of `$EDITOR`, else vi. Raises UsageError for one that cannot be read."""
    name = next((name for name in ("VISUAL", "EDITOR") if environment.get(name, "").strip()), None)
    try:
        return shlex.split(environment[name]) if name else [FALLBACK]
    except ValueError as error:
        raise UsageError(
            f"${name} cannot be read: {error}", "set it to a command, such as: export EDITOR=nano"
        ) from error


def edited_outside(app: App[Any], text: str, suffix: str) -> str:
    """The text as the editor leaves it. Raises UsageError where there is no editor, or no terminal to give to it."""
    with tempfile.TemporaryDirectory(prefix="workbench-") as folder:
        path = Path(folder) / f"text{suffix}"
        path.write_text(text, encoding="utf-8")
        edit_file(app, path, "write in the screen itself")
        return path.read_text(encoding="utf-8", errors="replace")


def edit_file(app: App[Any], path: Path, instead: str) -> None:
    """Waits until the editor is left. Raises UsageError as `edited_outside` does, and where it ends with a failure.

    `instead` is what to do where no editor can be opened.
    """
    command = editor_of(os.environ)
    try:
        with app.suspend():
            code = subprocess.run([*command, str(path)], check=False).returncode
    except SuspendNotSupported as error:
        raise UsageError("no editor can be opened from here, as in a browser", instead) from error
    except OSError as error:
        raise UsageError(
            f"{command[0]} cannot be started: {error.strerror}", "set $EDITOR to one that can: export EDITOR=nano"
        ) from error
    if code != 0:
        raise UsageError(f"{command[0]} ended with code {code}", "see what it says: start it on that file by hand")
