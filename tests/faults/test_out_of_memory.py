"""A machine that runs out of memory, for real: a control group with a limit, or a limit of the process."""

import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import COMMAND, Desk
from tests.faults.memory_group import memory_group
from tests.faults.processes import wait_until
from workbench.run.process import is_alive, processes_with

pytestmark = pytest.mark.slow
LIMIT = 400 << 20  # the libraries of a trainer alone take about so much


def _run_in(desk: Desk, prepare: Callable[[], None]) -> subprocess.CompletedProcess[str]:
    words = ("run", "demo-quarter-all", "--recipe", "demo", "--set", "steps=5", "--set", "batch=256")
    environment = {**desk.environment(), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*COMMAND, *words],
        cwd=desk.folder,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
        preexec_fn=prepare,
    )


def test_a_group_without_memory_is_host_oom_with_cause_and_fixes(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with memory_group(LIMIT) as move:
        done = _run_in(desk, move or _limit_data)
        assert done.returncode == 1, done.stderr
        answer = desk("runs", "list", "--json").json
        text = desk("runs", "show", answer[0]["run_id"]).out
        _until_empty(desk)
    assert answer[0]["failure"]["class"] == "host_oom", answer
    assert "host_oom in attempt 1: This machine ran out of memory (RAM)." in text
    assert "what to do" in text
    assert "the end of" in text


def test_a_process_without_memory_is_host_oom(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    assert _run_in(desk, _limit_data).returncode == 1
    [row] = desk("runs", "list", "--json").json
    assert row["failure"]["class"] == "host_oom", row


def _limit_data() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))


def _until_empty(desk: Desk) -> None:
    """The detached ingest of the run is in the group, too, which can be removed once it is empty."""
    wait_until(lambda: not any(map(is_alive, processes_with({"WORKBENCH_HOME": str(desk.home)}))))
