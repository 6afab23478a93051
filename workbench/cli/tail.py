"""Prints a log, and what it gains until the run is over."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.run.follow import POLL_SECONDS
from workbench.run.liveness import status_of

if TYPE_CHECKING:
    from workbench.run.layout import RunDir

CHUNK = 1 << 16


def print_log(path: Path, run_dir: "RunDir", follow: bool) -> None:
    """Copies the log to stdout as it is, bytes and all."""
    with path.open("rb") as file:
        while True:
            # The state before the reading: whoever is over has written its last line.
            live = follow and status_of(run_dir).is_live
            while chunk := file.read(CHUNK):
                sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            if not live:
                return
            time.sleep(POLL_SECONDS)
