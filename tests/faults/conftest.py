import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.processes import MARK, Bench, processes_of, wait_until


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A home for real processes; fails the test that leaves one of them behind."""
    monkeypatch.setenv(MARK, str(tmp_path))
    bench = Bench(tmp_path, [])
    yield bench
    try:
        wait_until(lambda: not processes_of(tmp_path), timeout=5)
    finally:
        for pid in processes_of(tmp_path):
            os.kill(pid, signal.SIGKILL)
        for shim in bench.shims:
            shim.wait()
