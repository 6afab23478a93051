"""A command that begins when the process that asked for it has ended.

`python -P -m workbench.run.after PID COMMAND...`, where PID is the process that asked, the parent of this one. What a
trainer holds, its slot above all, is free only once it is gone.
"""

import os
import select
import subprocess
import sys
from collections.abc import Sequence

from workbench.run.handoff import outer_environment


def start_after_exit(command: Sequence[str]) -> None:
    """Has the command run, detached and without output, once this process has ended. Raises OSError."""
    subprocess.Popen(
        [sys.executable, "-P", "-m", "workbench.run.after", str(os.getpid()), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=outer_environment(os.environ),
        start_new_session=True,
    )


def main(arguments: Sequence[str]) -> None:
    parent, *command = arguments
    _wait_for(int(parent))
    os.execv(command[0], command)


def _wait_for(parent: int) -> None:
    try:
        descriptor = os.pidfd_open(parent)
    except ProcessLookupError:
        return
    if os.getppid() == parent:  # else it ended before this began, and its number may be another's
        select.select([descriptor], [], [])
    os.close(descriptor)


if __name__ == "__main__":
    main(sys.argv[1:])
