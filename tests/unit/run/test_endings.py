import signal
from pathlib import Path

import pytest

from workbench.run.control import Reason
from workbench.run.endings import classify, last_lines, oom_kills, parse_oom_kills


@pytest.mark.parametrize(
    ("returncode", "asked", "host_oom", "expected"),
    [
        (-signal.SIGKILL, None, False, "killed"),
        (-signal.SIGKILL, None, True, "host_oom"),
        (-signal.SIGKILL, "user", True, "killed_by_user"),
        (-signal.SIGKILL, "pause", False, "killed_by_user"),
        (-signal.SIGKILL, "preempted", False, "preempted"),
        (-signal.SIGTERM, "user", False, "killed_by_user"),
        (-signal.SIGTERM, None, False, "preempted"),
        (-signal.SIGSEGV, None, True, "crash"),
        (-signal.SIGSEGV, "user", False, "crash"),
        (1, None, True, "crash"),
        (0, None, False, "crash"),
        (None, None, False, "lost"),
        (None, None, True, "host_oom"),
        (None, "user", False, "killed_by_user"),
    ],
)
def test_the_class_of_a_failure(
    returncode: int | None, asked: Reason | None, host_oom: bool, expected: str, tmp_path: Path
) -> None:
    failure = classify(returncode, asked, host_oom, tmp_path / "out.1.log")
    assert failure["class"] == expected
    assert failure["message"]
    assert failure["hint"]
    if returncode is None:
        assert not {"signal", "exit_code"} & set(failure)
    elif returncode < 0:
        assert failure["signal"] == -returncode
        assert "exit_code" not in failure
    else:
        assert failure["exit_code"] == returncode


def test_a_library_that_ends_the_process_for_want_of_memory_is_no_crash(tmp_path: Path) -> None:
    out = tmp_path / "out.1.log"
    out.write_text("step 7\nError out of memory at line 380 in file /src/csrc/pythonInterface.cpp\n")
    assert classify(1, None, False, out)["class"] == "cuda_oom"
    out.write_text("terminate called after throwing an instance of 'std::bad_alloc'\n")
    assert classify(-signal.SIGABRT, None, False, out)["class"] == "host_oom"


def test_the_last_lines_are_few_and_short(tmp_path: Path) -> None:
    path = tmp_path / "out.1.log"
    assert last_lines(path) == ""
    path.write_text("".join(f"line {number}\n" for number in range(10_000)))
    lines = last_lines(path).splitlines()
    assert (len(lines), lines[0], lines[-1]) == (20, "line 9980", "line 9999")
    path.write_bytes(b"\xff" * 100_000)
    assert len(last_lines(path)) <= 4096


def test_the_kernel_counts_its_kills() -> None:
    assert parse_oom_kills("low 0\nhigh 0\nmax 3\noom 2\noom_kill 1\noom_group_kill 0\n") == 1
    assert parse_oom_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 4\n") == 4
    assert parse_oom_kills("low 0\n") == 0
    assert oom_kills() >= 0
