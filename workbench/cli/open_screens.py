"""Opens the screens, where there is a terminal for them."""

import gc
import os
import sys

from workbench.cli.context import current_home
from workbench.errors import UsageError


def open_screens(model: str = "", only_ascii: bool | None = None, sample: bool = False) -> None:
    """Until they are left. Without a model they begin with the plan that was left, or with the demo.

    `only_ascii` None: by the terminal and its locale. Raises UsageError without a terminal.
    """
    if not sys.stdout.isatty():
        raise UsageError("the screens need a terminal", "every action has a command: workbench --help")
    gc.disable()  # until the first screen is painted: hardly anything that is made by then becomes garbage
    from tui.app import run_app
    from tui.shell.ascii import needs_ascii

    if only_ascii is None:
        only_ascii = needs_ascii(os.environ, sys.stdout.encoding or "")
    if code := run_app(current_home(), model, only_ascii, sample):
        sys.exit(code)
