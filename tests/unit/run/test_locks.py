"""Taking a lock while others look at it."""

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from workbench.run import locks

_PROBE = (
    "import sys; from pathlib import Path; from workbench.run.locks import is_held\n"
    "print(flush=True)\nwhile True: is_held(Path(sys.argv[1]))"
)


def _observe(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


@pytest.mark.parametrize("patience", [0.0, 0.01])
def test_who_takes_a_lock_waits_for_an_observer_however_short_of_patience(tmp_path: Path, patience: float) -> None:
    path = tmp_path / "slot.lock"
    leaving = threading.Timer(0.1, os.close, [_observe(path)])
    leaving.start()
    taken = locks.take(path, patience)
    leaving.join()
    assert taken is not None
    assert locks.is_held(path)
    os.close(taken)


def test_an_observer_that_stays_is_not_waited_for_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_OBSERVER_SECONDS", 0.05)
    path = tmp_path / "slot.lock"
    observer = _observe(path)
    assert locks.take(path) is None
    os.close(observer)


def test_a_holder_turns_away_at_once_and_is_not_disturbed(tmp_path: Path) -> None:
    path = tmp_path / "slot.lock"
    held = locks.take(path)
    assert held is not None
    assert locks.take(path) is None
    assert locks.is_held(path)
    os.close(held)


def test_a_lock_can_be_taken_under_constant_looks(tmp_path: Path) -> None:
    path = tmp_path / "slot.lock"
    path.touch()
    with subprocess.Popen([sys.executable, "-P", "-c", _PROBE, str(path)], stdout=subprocess.PIPE) as observer:
        assert observer.stdout is not None
        observer.stdout.readline()
        missed = sum(not _took(path) for _ in range(500))
        observer.kill()
    assert missed == 0


def _took(path: Path) -> bool:
    descriptor = locks.take(path)
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is not None
