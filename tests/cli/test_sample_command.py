"""`workbench sample`: the sample study for the command line."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def _workbench(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-P", "-m", "workbench.cli.main", *words]
    return subprocess.run(command, text=True, capture_output=True, cwd=folder, check=False)


def test_the_sample_answers_and_refuses_to_be_changed(tmp_path: Path) -> None:
    made = _workbench(tmp_path, "sample", "look here")
    assert made.returncode == 0
    assert f"workbench --home '{tmp_path / 'look here'}' study report same-discount" in made.stdout
    home = ("--home", "look here")
    counted = _workbench(tmp_path, *home, "sql", "select count(*) as runs from run_summary", "--json")
    assert '"runs": 23' in counted.stdout
    for words in (
        ("run", "demo-baseline", "--recipe", "demo", "--seed", "9"),
        ("plan", "new", "mine", "--model", "demo"),
        ("plan", "set", "same-discount-baseline", "--rule", "* mlp off"),
        ("study", "new", "mine", "--from", "same-discount", "--model", "demo"),
    ):
        refused = _workbench(tmp_path, *home, *words)
        assert refused.returncode == 3
        assert "looked at, not changed" in refused.stderr
    elsewhere = _workbench(tmp_path, *home, "plan", "new", "mine", "--model", "demo", "--to", "mine.yaml")
    assert elsewhere.returncode == 0
    again = _workbench(tmp_path, "sample", "look here")
    assert (again.returncode, again.stdout) == (3, "")
