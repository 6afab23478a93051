"""Whether flock works in a folder, really tried: `python -P -m workbench.doctor.flocks FOLDER`.

A process of its own, since a lock on a share whose server is gone waits for ever. Prints `{"works": true}`, or with
false what did not hold under `problem`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from workbench.run import locks

# Ends with its input, and so with this process, however that ends.
_HEIR = (sys.executable, "-c", "import sys; sys.stdin.read()")


def main(arguments: list[str]) -> int:
    path = Path(arguments[0]) / f".doctor-{uuid4().hex[:12]}.lock"
    try:
        problem = try_flock(path)
    except OSError as error:
        problem = f"{error.strerror or error}"
    finally:
        path.unlink(missing_ok=True)
    print(json.dumps({"works": problem is None, "problem": problem}))
    return 0


def try_flock(path: Path) -> str | None:
    """Takes a lock, has a child inherit it, and looks who holds it; what was wrong, None when nothing was."""
    descriptor = locks.take(path)
    if descriptor is None or not locks.is_held(path):
        return "a lock that was taken is not seen by others"
    heir = subprocess.Popen(_HEIR, stdin=subprocess.PIPE, pass_fds=[descriptor])
    os.close(descriptor)
    inherited = locks.is_held(path)
    heir.kill()
    heir.wait()
    if not inherited:
        return "a process does not keep the lock that it inherited"
    return "the lock of a killed process stays" if locks.is_held(path) else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
