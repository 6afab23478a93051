"""When a batch is paused, and when it is not."""

from pathlib import Path

import pytest

from workbench.run import flapping
from workbench.run.flapping import Guard
from workbench.run.layout import Home


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds since the boot, to be set."""
    now = [1000.0]
    monkeypatch.setattr(flapping, "_now", lambda: now[0])
    return now


def _noted(guard: Guard, clock: list[float], outcomes: list[tuple[float, str | None]]) -> str:
    guard.begin("batch")
    began = clock[0]
    for number, (after, failure) in enumerate(outcomes):
        clock[0] = began + after
        guard.note("batch", f"run{number}", 1, failure)
    return guard.paused("batch")


@pytest.mark.parametrize(
    ("outcomes", "paused"),
    [
        ([(1, "nan"), (2, "nan"), (3, "crash")], "3 failures in its first 60 s (crash, nan)"),
        ([(1, "nan"), (2, None), (3, "nan"), (59, "nan")], "3 failures in its first 60 s (nan)"),
        ([(1, "nan"), (2, "nan"), (61, "nan")], ""),
        ([(100 * n, "bad_data") for n in range(1, 6)], "5 failures before any success (bad_data)"),
        ([(70, None), *[(100 * n, "bad_data") for n in range(1, 8)]], ""),
        ([(100 * n, "nan") for n in range(1, 5)], ""),
        ([], ""),
    ],
)
def test_early_and_first_failures_pause_a_batch(
    tmp_path: Path, clock: list[float], outcomes: list[tuple[float, str | None]], paused: str
) -> None:
    assert _noted(Guard(Home(tmp_path)), clock, outcomes) == paused


def test_one_attempt_counts_once_however_often_it_is_noted(tmp_path: Path, clock: list[float]) -> None:
    guard = Guard(Home(tmp_path))
    for _ in range(5):
        guard.note("batch", "run", 1, "nan")
    assert guard.paused("batch") == ""


def test_a_batch_that_is_released_starts_afresh(tmp_path: Path, clock: list[float]) -> None:
    guard = Guard(Home(tmp_path))
    assert _noted(guard, clock, [(n, "nan") for n in range(3)])
    assert guard.known() == ["batch"]
    assert guard.release("batch")
    assert not guard.release("batch")
    assert guard.known() == []
    guard.note("batch", "another", 1, "nan")
    assert guard.paused("batch") == ""


def test_seconds_of_another_boot_say_nothing(
    tmp_path: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = Guard(Home(tmp_path))
    guard.begin("batch")
    monkeypatch.setattr(flapping, "boot_id", lambda: "another")
    clock[0] = 5.0
    for number in range(3):
        guard.note("batch", f"run{number}", 1, "nan")
    assert guard.paused("batch") == ""


def test_no_batch_and_a_damaged_file_pause_nothing(tmp_path: Path, clock: list[float]) -> None:
    guard = Guard(Home(tmp_path))
    guard.note("", "run", 1, "nan")
    assert (guard.known(), guard.paused("")) == ([], "")
    _noted(guard, clock, [(n, "nan") for n in range(3)])
    (Home(tmp_path).queue / "batches" / "batch.json").write_text("{")
    assert guard.paused("batch") == ""
