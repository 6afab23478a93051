"""The process of one tab, which ends with the server, however that ends.

`python -P -m tui.serve.child HOME MODEL [--ascii] [--sample]`
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

from workbench.errors import WorkbenchError
from workbench.run.layout import Home

_PR_SET_PDEATHSIG = 1


def main(home: str, model: str, *flags: str) -> None:
    """Runs the app over the pipes that the server holds."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # the server was gone before the kernel was told
        return
    from tui.app import run_app

    try:
        sys.exit(run_app(Home(Path(home)), model, only_ascii="--ascii" in flags, sample="--sample" in flags))
    except WorkbenchError as error:
        print(f"error: {error.title}\n  {error.hint}".rstrip(), file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main(*sys.argv[1:])
