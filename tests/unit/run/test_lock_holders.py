"""Holders of locks, with real processes that inherit them."""

import os
import subprocess
import sys
from pathlib import Path

from workbench.run import locks
from workbench.run.lock_holders import describe_process, flock_holders, lock_owner

WAIT = [sys.executable, "-c", "import sys; print('here', flush=True); sys.stdin.read()"]


def _child(descriptor: int) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        WAIT, pass_fds=[descriptor], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert child.stdout is not None
    child.stdout.readline()
    return child


def test_who_took_a_lock_and_who_inherited_it(tmp_path: Path) -> None:
    path, free = tmp_path / "a b.lock", tmp_path / "free.lock"
    free.touch()
    descriptor = locks.take(path)
    assert descriptor is not None
    observer = os.open(path, os.O_RDONLY)
    with _child(descriptor) as child:
        assert lock_owner(path.stat(), "FLOCK") == os.getpid()
        assert sorted(flock_holders([path, free])[path]) == sorted([os.getpid(), child.pid])
        assert flock_holders([free]) == {free: []}
        os.close(descriptor)
        assert flock_holders([path]) == {path: [child.pid]}
        assert describe_process(child.pid) == f"pid {child.pid} ({' '.join(WAIT)})"[:200]
        child.kill()
    assert flock_holders([path]) == {path: []}
    assert lock_owner(path.stat(), "FLOCK") is None
    os.close(observer)


def test_an_heir_is_found_when_the_owner_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    take = "import sys, subprocess; from pathlib import Path; from workbench.run import locks;"
    take += (
        "fd = locks.take(Path(sys.argv[1])); child = subprocess.Popen(sys.argv[2:], pass_fds=[fd]); print(child.pid)"
    )
    heirs = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    command = [sys.executable, "-P", "-c", take, str(path), *heirs]
    done = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with done:
        assert done.stdout is not None
        heir = int(done.stdout.readline())
        done.wait()
        assert flock_holders([path]) == {path: [heir]}
        assert lock_owner(path.stat(), "FLOCK") in (done.pid, 0)  # the kernel's memory, not a process


def test_nothing_asked_is_nothing_looked_for() -> None:
    assert flock_holders([]) == {}
