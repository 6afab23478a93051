"""The screens in a real terminal: `workbench` alone, keys sent, the window resized, the program left."""

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.processes import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")]


@pytest.fixture
def socket() -> Iterator[str]:
    """A server of the test's own: one that is just ending takes no new session."""
    name = f"workbench-{uuid.uuid4().hex[:12]}"
    yield name
    subprocess.run(["tmux", "-L", name, "kill-server"], capture_output=True, check=False)


def _tmux(socket: str, *words: str) -> str:
    return subprocess.run(["tmux", "-L", socket, *words], text=True, capture_output=True, check=True).stdout


def _screen(socket: str) -> str:
    return _tmux(socket, "capture-pane", "-p")


def _shows(socket: str, text: str) -> None:
    wait_until(lambda: text in _screen(socket), 30)


def _open(socket: str, tmp_path: Path, size: tuple[int, int]) -> None:
    """The program in a window of that size, with a home of its own."""
    columns, lines = map(str, size)
    command = f"{sys.executable} -P -m workbench.cli.main; echo left with $?; sleep 60"
    environment = ["-e", f"WORKBENCH_HOME={tmp_path / 'home'}", "-e", f"PYTHONPATH={os.environ.get('PYTHONPATH', '')}"]
    _tmux(socket, "new-session", "-d", "-x", columns, "-y", lines, "-c", str(tmp_path), *environment, command)
    _shows(socket, "6 blocks × 7 modules")


def test_a_plan_is_cut_and_the_other_screens_are_a_key_away(tmp_path: Path, socket: str) -> None:
    _open(socket, tmp_path, (120, 36))
    _tmux(socket, "send-keys", "v", "Down", "Right", "-")
    _shows(socket, "> L8 <")
    assert "[ L8 ]" in _screen(socket)
    _tmux(socket, "resize-window", "-x", "80", "-y", "24")
    _shows(socket, "i Inspect")
    _tmux(socket, "send-keys", "u", "2")
    _shows(socket, "No runs")
    _tmux(socket, "send-keys", "3")
    _shows(socket, "Lenses")
    _tmux(socket, "send-keys", "1")
    _shows(socket, ">L16 <")
    _tmux(socket, "send-keys", "q")
    _shows(socket, "left with 0")


def test_keys_of_one_burst_go_into_the_line_that_the_first_of_them_opens(tmp_path: Path, socket: str) -> None:
    """`q` among them would leave the program, were it taken for a key of the map."""
    _open(socket, tmp_path, (80, 24))
    _tmux(socket, "send-keys", ":* q_proj r=8", "Enter", "u", ":* up r=32", "Enter")
    _shows(socket, "L32")
    assert "L8" not in _screen(socket)
    _tmux(socket, "send-keys", "q")
    _shows(socket, "left with 0")
