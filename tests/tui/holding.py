"""Another program that holds a store."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.store.helpers import HOLDER
from workbench.run.layout import Home


@contextmanager
def held(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """The program, once it holds the store of the home. It lets go at `communicate(b"")`, or in the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home.database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
