"""Another program that holds a store."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.store.helpers import HOLDER
from workbench.run.layout import Home

_WRITER = """
import sys
from pathlib import Path
from store.connection import writing
from workbench.run.layout import Home
with writing(Home(Path(sys.argv[1]).parent)):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held(home: Home, *, by_us: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """The program, once it holds the store of the home. It lets go at `communicate(b"")`, or in the end.

    `by_us`: as a command of this program does that writes into it, and for which all others wait.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER if by_us else HOLDER, str(home.database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
