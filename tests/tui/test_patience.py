"""How often a store is asked that another program holds."""

import subprocess
from pathlib import Path

import pytest

from tests.store.helpers import finished_run, record
from tests.tui.written_homes import LOSS, written
from tui.library.run_rows import RunReader
from tui.patience import LONGEST, Patience
from tui.runs.lister import Lister
from workbench.cli.run_list import listed_runs
from workbench.run.layout import Home

pytestmark = pytest.mark.screens


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "home")
    found.path.mkdir()
    written(found)
    listed_runs(found)
    return found


def _dues(patience: Patience, until: int) -> list[int]:
    """The seconds in which it asks, always in vain."""
    found = []
    for second in range(until):
        if patience.is_due(float(second)):
            found.append(second)
            patience.asked(float(second), in_vain=True)
    return found


def test_a_store_that_stays_held_is_asked_ever_more_rarely(home: Home, holder: subprocess.Popen[bytes]) -> None:
    patience = Patience(home)
    assert _dues(patience, 130) == [0, 2, 6, 14, 30, 60, 90, 120]
    assert patience.seconds == 2.0  # its holder is seen, and looked at as often


def test_where_nobody_is_seen_to_hold_it_the_pause_is_told(home: Home) -> None:
    patience = Patience(home)
    assert _dues(patience, 31) == [0, 2, 6, 14, 30]
    assert patience.seconds == LONGEST


def test_a_holder_that_lets_go_is_seen_soon(home: Home, holder: subprocess.Popen[bytes]) -> None:
    patience = Patience(home)
    _dues(patience, 31)
    assert not patience.is_due(33.0)
    holder.communicate(b"")
    assert not patience.is_due(34.0)  # looked at a second ago
    assert patience.is_due(35.0)
    patience.asked(35.0, in_vain=True)
    assert not patience.is_due(36.0)
    assert patience.is_due(37.0)  # as if for the first time


def test_another_file_or_a_person_who_asks_ends_the_waiting(home: Home) -> None:
    patience = Patience(home)
    _dues(patience, 31)
    home.database.write_bytes(b"another")
    assert patience.is_due(33.0)
    patience.asked(33.0, in_vain=True)
    patience.reset()
    assert patience.is_due(33.5)


def test_the_list_of_runs_waits_and_comes_at_once_when_something_was_asked(
    home: Home, holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.connection.FOREIGN_PATIENCE", 0.05)
    finished_run(home, record("0123456789ab", name="late-s0"), [LOSS])
    lister, tried = Lister(home), []
    for second in (0.0, 1.0, 2.0, 3.0, 5.0, 6.0, 7.0):
        before = lister.locked
        lister.rows(second)
        tried += [second] if lister.locked is not before else []
    assert tried == [0.0, 2.0, 6.0]
    before = lister.locked
    lister.ask_again()
    lister.rows(8.0)
    assert lister.locked is not before
    holder.communicate(b"")
    lister.rows(11.0)
    assert lister.locked is None


def test_the_library_keeps_its_rows_meanwhile(
    home: Home, holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.connection.FOREIGN_PATIENCE", 0.05)
    reader = RunReader(home)
    finished_run(home, record("0123456789ab", name="late-s0"), [LOSS])
    first = reader.read()
    assert len(first.rows) == 4
    assert reader.read() is first
    monkeypatch.setattr("tui.patience.FIRST", 0.0)
    holder.communicate(b"")
    assert next(row for row in reader.read().rows if row["name"] == "late-s0")["eval"] == {"loss": 0.5}
