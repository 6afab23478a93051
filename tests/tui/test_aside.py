"""Logs are taken in by a process of its own: the screens neither load DuckDB for it nor fall with it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from store import connection
from tests.store.helpers import finished_run, record
from tests.tui.holding import held
from tests.tui.written_homes import LOSS, written
from tui import aside
from workbench.cli.run_list import listed_runs, rows_at_hand
from workbench.cli.run_list_aside import answer
from workbench.errors import LockedError, WorkbenchError
from workbench.run.layout import Home

_ASKED = """
import json, sys
from pathlib import Path
from tui import aside
from tui.aside import ingested_aside, listed_aside
from workbench.run.layout import Home
aside._MUCH = 0
home = Home(Path(sys.argv[1]))
rows = listed_aside(home)
ingested_aside(home)
print(json.dumps([rows, sorted({"duckdb", "torch"} & set(sys.modules))]))
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(aside, "_MUCH", 0)
    found = Home(tmp_path / "home")
    found.path.mkdir()
    written(found)
    return found


def test_all_is_taken_in_without_duckdb_in_the_process_that_asks(home: Home) -> None:
    done = subprocess.run([sys.executable, "-c", _ASKED, str(home.path)], capture_output=True, text=True, check=True)
    rows, loaded = json.loads(done.stdout)
    assert loaded == []
    assert home.database.is_file()
    assert {row["name"]: row["eval"].get("loss") for row in rows}["whole-s0"] == 0.5
    assert rows == listed_runs(home)


def test_rows_of_runs_that_are_over_need_no_other_process(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.cli.kept_rows._TICK_NS", 0)
    assert rows_at_hand(home) is None
    rows = listed_runs(home)
    assert aside.listed_aside(home) == rows_at_hand(home) == rows
    finished_run(home, record("0123456789ab", name="late-s0"), [LOSS])
    assert rows_at_hand(home) is None


def test_little_is_taken_in_by_who_asks(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "_MUCH", 1_000_000)
    monkeypatch.setattr(aside, "_INTERPRETER", "/none")
    assert aside.ingested_aside(home) == ""
    assert len(aside.listed_aside(home)) == 3
    monkeypatch.setattr(aside, "_MUCH", 0)
    finished_run(home, record("0123456789ab", name="late-s0"), [LOSS])
    with pytest.raises(FileNotFoundError):
        aside.ingested_aside(home)


def _ends_itself(tmp_path: Path) -> str:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\nkill -9 $$\n", encoding="utf-8")
    script.chmod(0o755)
    return str(script)


def test_a_process_that_is_killed_is_named_and_nothing_is_lost(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(aside, "_INTERPRETER", _ends_itself(tmp_path))
        with pytest.raises(WorkbenchError, match="SIGKILL"):
            aside.listed_aside(home)
        with pytest.raises(WorkbenchError, match="SIGKILL"):
            aside.ingested_aside(home)
    assert len(aside.listed_aside(home)) == 3


def test_a_process_whose_answer_nobody_waits_for_is_ended(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\nexec sleep 600\n", encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setattr(aside, "_INTERPRETER", str(script))
    monkeypatch.setattr(aside, "_is_given_up", lambda: True)
    with pytest.raises(WorkbenchError, match="SIGTERM"):
        aside.ingested_aside(home)


def test_who_holds_the_store_is_told(home: Home) -> None:
    with held(home) as process:
        for log in home.runs.glob("*/events.jsonl"):  # written since the database was
            os.utime(log, (time.time() + 1, time.time() + 1))
        told: list[LockedError] = []
        assert len(aside.listed_aside(home, told.append)) == 3
        assert f"pid {process.pid}" in told[0].title
        with pytest.raises(LockedError, match=f"pid {process.pid}") as raised:
            aside.ingested_aside(home)
        assert "close it there" in raised.value.hint


def test_what_was_foreseen_comes_as_it_is(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.database.mkdir()
    failed = answer(home)["failed"]
    assert "is not a file" in failed[0]
    monkeypatch.setattr(connection, "FOREIGN_PATIENCE", 0.05)
    with pytest.raises(WorkbenchError, match="is not a file"):
        aside.listed_aside(home)
