"""The doctor's children: one that hangs, crashes or finds something wrong is told of, and brings nothing down."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.doctor import flocks, gpu
from workbench.doctor.check import Check, Child, Place, ProbeAnswer, first_words
from workbench.doctor.database import check_database, judge_database
from workbench.doctor.examine import CHECKS, _guarded
from workbench.doctor.gpu import check_gpus
from workbench.doctor.libraries import check_libraries
from workbench.run import locks
from workbench.run.gpus import DriverReport
from workbench.run.layout import Home


def _place(home: Path, answer: ProbeAnswer | None = None) -> Place:
    return Place(Home(home), "named by a test", lambda: answer or ProbeAnswer(problem="not asked"))


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module on the path, to be written."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path / "patient.py"


def test_a_child_that_hangs_is_killed(module: Path) -> None:
    module.write_text("import time\ntime.sleep(600)\n")
    assert Child("patient").answer(0.5).problem == "patient did not answer within 0.5 s"


def test_a_child_that_crashes_is_quoted(module: Path) -> None:
    module.write_text("raise OSError('no such library')\n")
    assert Child("patient").answer(60).problem == "OSError: no such library"
    module.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    assert Child("patient").answer(60).problem == "patient ended with -11"


def test_a_child_that_answers(module: Path) -> None:
    module.write_text("import sys, json\nprint(json.dumps({'said': sys.argv[1]}))\n")
    assert subprocess.run([sys.executable, "-P", "-m", "patient", "x"], capture_output=True).returncode == 0
    assert Child("patient", "hello").answer(60) == ProbeAnswer({"said": "hello"})


def test_programs_of_the_system_may_be_missing() -> None:
    assert first_words(["/no/such/program"]) is None
    assert first_words(["false"]) is None
    assert first_words(["echo", " b true "]) == "b true"


def _checks(place: Place) -> Iterator[Check]:
    yield Check("first", "ok", "fine")
    os.listdir(place.home.path / "gone")


def _fault(place: Place) -> Iterator[Check]:
    yield Check("first", "ok", str(1 // len(place.chosen[:0])))


def test_a_check_that_fails_itself_is_a_finding(tmp_path: Path) -> None:
    first, second = _guarded(_checks, _place(tmp_path))
    assert first.state == "ok"
    assert second.message == f"could not be looked at: {tmp_path}/gone: No such file or directory"
    [found] = _guarded(_fault, _place(tmp_path))
    assert (found.state, "ZeroDivisionError" in found.message, found.fix) == (
        "failing",
        True,
        "report it with this line",
    )
    assert len(set(CHECKS)) == len(CHECKS)


def test_libraries_that_do_not_answer(tmp_path: Path) -> None:
    [check] = check_libraries(_place(tmp_path))
    assert (check.state, check.message) == ("failing", "the trainer's libraries do not load: not asked")


def test_a_driver_with_problems_is_failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "ask_driver", lambda: DriverReport(problems=("GPU 1: GPU is lost",)))
    first, *_ = check_gpus(_place(tmp_path))
    assert (first.state, first.message) == ("failing", "GPU 1: GPU is lost")


def test_locks_are_really_tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert flocks.main([str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out) == {"works": True, "problem": None}
    assert os.listdir(tmp_path) == []
    assert flocks.main([str(tmp_path / "gone")]) == 0
    assert json.loads(capsys.readouterr().out) == {"works": False, "problem": "No such file or directory"}


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ([False], "a lock that was taken is not seen by others"),
        ([True, False], "a process does not keep the lock that it inherited"),
        ([True, True, True], "the lock of a killed process stays"),
        ([True, True, False], None),
    ],
)
def test_locks_that_do_not_hold_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: list[bool], problem: str | None
) -> None:
    said = iter(answers)
    monkeypatch.setattr(locks, "is_held", lambda path: next(said))
    assert flocks.try_flock(tmp_path / "a.lock") == problem


def test_a_database_whose_reader_crashes_is_failing_unless_it_is_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "results.duckdb").write_bytes(b"x" * 2000)
    monkeypatch.setattr("workbench.doctor.database._READER", "no.such.module")
    [check] = check_database(_place(tmp_path))
    assert check.state == "failing"
    assert check.message.startswith("2 kB; ")
    assert "no" in check.message.removeprefix("2 kB; ")
    held = locks.take(tmp_path / "results.lock")
    assert held is not None
    [check] = check_database(_place(tmp_path))
    os.close(held)
    assert (check.state, check.message) == ("warning", "2 kB, in use for longer than 8 s")


def test_a_database_that_nobody_may_read_is_failing() -> None:
    check = judge_database({"state": "unreadable", "message": "no permission", "hint": "copy it"}, 10)
    assert (check.state, check.message, check.fix) == ("failing", "10 B, no permission", "copy it")
