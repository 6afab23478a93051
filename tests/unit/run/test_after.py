import os
import subprocess
import sys
from pathlib import Path

from tests.faults.processes import wait_until

ASKING = """
import sys
from workbench.run.after import start_after_exit
start_after_exit(sys.argv[1:])
print("asked", flush=True)
sys.stdin.read()
"""


def _recorder(folder: Path) -> tuple[Path, Path]:
    """A command that writes down its arguments, its session and its own variables, and the note that it makes."""
    note, command = folder / "note", folder / "command"
    command.write_text(
        f'#!/bin/sh\n{{ echo "$@"; ps -o sid= -p $$; env | grep WORKBENCH_; }} > {note}.part\nmv {note}.part {note}\n'
    )
    command.chmod(0o755)
    return command, note


def test_a_command_begins_when_the_asking_process_has_ended(tmp_path: Path) -> None:
    command, note = _recorder(tmp_path)
    own = {"WORKBENCH_ATTEMPT": "3", "WORKBENCH_SLOT": "cpu.0", "WORKBENCH_THREADS": "1", "WORKBENCH_RUN": "y"}
    asking = subprocess.Popen(
        [sys.executable, "-P", "-c", ASKING, str(command), "home"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **own, "WORKBENCH_HOME": "kept"},
    )
    assert asking.stdin is not None
    assert asking.stdout is not None
    asking.stdout.readline()
    assert not note.exists()
    asking.stdin.close()
    asking.wait()
    asking.stdout.close()
    wait_until(note.exists)
    arguments, session, *variables = note.read_text().split("\n")
    assert arguments == "home"
    assert int(session) != os.getsid(0)
    assert [line for line in variables if line] == ["WORKBENCH_HOME=kept"]


def test_a_command_begins_at_once_when_the_asking_process_is_gone(tmp_path: Path) -> None:
    command, note = _recorder(tmp_path)
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    for pid in (gone.pid, os.getppid()):  # no process, and one that is not the parent
        subprocess.run([sys.executable, "-P", "-m", "workbench.run.after", str(pid), str(command), "x"], check=True)
        assert note.read_text().startswith("x\n")
        note.unlink()
