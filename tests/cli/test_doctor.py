"""`workbench doctor` as a person runs it, on homes and libraries that are well and that are broken.

Where the trainer's libraries are not the point, a torch that cannot be imported stands in: that answers at once.
"""

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import COMMAND, Answer, Desk
from tests.store.helpers import HOLDER, finished_run, record
from workbench.run import locks
from workbench.run.layout import Home
from workbench.run.queue import enqueue
from workbench.run.tickets import Ticket

pytestmark = pytest.mark.slow

_PR_CAPBSET_DROP, _OVERRIDE, _READ_SEARCH = 24, 1, 2


class Patient:
    """A desk, and what the doctor says of it."""

    def __init__(self, desk: Desk, broken: Path) -> None:
        self.desk, self.home, self._broken = desk, Home(desk.home), broken

    def run(self, *words: str, prepare: Any = None, **variables: str) -> Answer:
        environment = {**self.desk.environment(), "PYTHONPATH": str(self._broken), **variables}
        done = subprocess.run(
            [*COMMAND, "doctor", *words],
            cwd=self.desk.folder,
            env=environment,
            text=True,
            capture_output=True,
            check=False,
            preexec_fn=prepare,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def checks(self, name: str, **more: Any) -> list[dict[str, str]]:
        answer = self.run("--json", **more)
        assert answer.err == ""
        return [check for check in answer.json["checks"] if check["name"] == name]


@pytest.fixture
def patient(desk: Desk, tmp_path: Path) -> Patient:
    torch = tmp_path / "broken/torch"
    torch.mkdir(parents=True)
    (torch / "__init__.py").write_text("raise ImportError('libtorch.so: undefined symbol')")
    return Patient(desk, torch.parent)


@pytest.fixture
def home(patient: Patient) -> Home:
    """With one finished run in its database."""
    finished_run(patient.home, record("00000000000a"))
    subprocess.run([sys.executable, "-P", "-m", "store.ingest", str(patient.home.path)], check=True)
    return patient.home


def test_a_machine_that_runs_these_tests_is_well(desk: Desk) -> None:
    answer = desk("doctor", "--json")
    checks = {check["name"]: check for check in answer.json["checks"]}
    assert [check for check in answer.json["checks"] if check["state"] == "failing"] == []
    assert (answer.code, answer.json["ok"], answer.err) == (0, True, "")
    assert {"python", "packages", "torch", "bitsandbytes", "nf4", "re-packing", "cpu", "memory"} <= set(checks)
    assert {"disk", "hub cache", "file system", "home", "flock", "database", "locks", "terminal"} <= set(checks)
    assert {"logout", "system", "limits", "clock", "gpu driver"} <= set(checks)
    assert checks["home"]["message"] == f"none yet, would be {desk.home} (named by $WORKBENCH_HOME)"
    assert not desk.home.exists()
    assert all(check["fix"] for check in answer.json["checks"] if check["state"] != "ok")


def test_libraries_that_do_not_load_are_a_line_and_the_rest_is_told(patient: Patient) -> None:
    answer = patient.run(COLUMNS="80")
    assert (answer.code, answer.err) == (1, "")
    lines = answer.out.splitlines()
    [failing] = [number for number, line in enumerate(lines) if line.startswith("failing")]
    assert lines[failing].split()[:2] == ["failing", "torch"]
    assert "undefined symbol" in " ".join(lines[failing : failing + 3])
    assert any("→ pip install" in line for line in lines[failing:])
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in answer.out
    assert lines[-1].endswith("1 failing")


def test_a_terminal_without_utf8_can_read_the_advice(patient: Patient) -> None:
    answer = patient.run(PYTHONIOENCODING="ascii")
    assert (answer.code, answer.err) == (1, "")
    assert "not UTF-8" in answer.out
    assert "use a UTF-8 locale: export LANG=C.UTF-8" in answer.out


def test_a_good_home_is_counted(patient: Patient, home: Home) -> None:
    enqueue(home, [Ticket("cccc00000001", 0, hold=True)])
    before = sorted(os.listdir(home.path))
    [check] = patient.checks("home")
    assert check["message"] == f"{home.path} (named by $WORKBENCH_HOME): 1 run, 1 ticket in the queue"
    [database] = patient.checks("database")
    assert (database["state"], database["message"].split(", ")[1]) == ("ok", "store format 1")
    [flock] = patient.checks("flock")
    assert flock["message"] == "locks work in the home, are inherited, and end with their processes"
    assert sorted(os.listdir(home.path)) == before


def test_held_locks_name_their_holders(patient: Patient, home: Home) -> None:
    home.slots.mkdir()
    slot, alive = home.slots / "cpu.0.lock", home.run_dirs()[0].alive_lock
    held = [locks.take(path) for path in (slot, alive)]
    command = [sys.executable, "-c", "import sys; sys.stdin.read()", "a trainer"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[fd for fd in held if fd]) as child:
        os.close(held[1] or -1)
        found = [check["message"] for check in patient.checks("lock")]
        child.kill()
    os.close(held[0] or -1)
    assert found[0].startswith("slots/cpu.0.lock is held by pid ")
    assert f"pid {os.getpid()} (" in found[0]
    assert f"pid {child.pid} (" in found[0]
    assert found[1].startswith(f"runs/00000000000a/alive.lock is held by pid {child.pid} ({sys.executable}")
    [free] = patient.checks("locks")
    assert free["message"] == "none of 3 lock files is held"


def test_a_damaged_database_says_what_will_happen(patient: Patient, home: Home) -> None:
    home.database.write_bytes(b"not a database" * 1000)
    [check] = patient.checks("database")
    assert check["state"] == "warning"
    assert "results.duckdb is damaged" in check["message"]
    assert "makes it anew from the logs" in check["fix"]
    assert home.database.read_bytes().startswith(b"not a database")


def test_a_newer_database_is_made_anew_by_whatever_reads_next(patient: Patient, home: Home) -> None:
    code = "import sys, duckdb; duckdb.connect(sys.argv[1]).execute('update store_format set version = 99')"
    subprocess.run([sys.executable, "-c", code, str(home.database)], check=True)
    [check] = patient.checks("database")
    assert check["state"] == "warning"
    assert "store format 99" in check["message"]
    assert check["fix"].startswith("nothing to do")


@pytest.fixture
def holder(home: Home) -> Iterator[int]:
    """A notebook, say, that keeps the database open."""
    command = [sys.executable, "-c", HOLDER, str(home.database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def test_a_foreign_holder_of_the_database_is_named(patient: Patient, holder: int) -> None:
    [check] = patient.checks("database")
    assert check["state"] == "warning"
    assert f"locked by pid {holder} (" in check["message"]
    assert "close it there" in check["fix"]


def _as_nobody_special() -> None:
    """Root passes over permissions by two capabilities, which what is executed next cannot have any more."""
    if os.geteuid() == 0:
        for capability in (_OVERRIDE, _READ_SEARCH):
            assert ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0


@pytest.mark.parametrize(
    ("mode", "words"),
    [(0o000, "cannot be read: Permission denied"), (0o555, "it cannot be written to")],
)
def test_a_home_without_permission_is_a_line(patient: Patient, home: Home, mode: int, words: str) -> None:
    home.path.chmod(mode)
    try:
        answer = patient.run("--json", prepare=_as_nobody_special)
    finally:
        home.path.chmod(0o755)
    assert (answer.code, answer.err) == (1, "")
    [check] = [check for check in answer.json["checks"] if check["name"] == "home"]
    assert check["state"] == "failing"
    assert words in check["message"]
    assert "--home" in check["fix"]
    assert {check["name"] for check in answer.json["checks"]} >= {"locks", "clock", "terminal"}


def test_a_home_that_is_a_file(patient: Patient) -> None:
    patient.home.path.write_text("oops")
    [check] = patient.checks("home")
    assert check["state"] == "failing"
    assert check["message"].endswith("is not a folder")
