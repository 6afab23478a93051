from pathlib import Path

import pytest

from workbench.run.control import (
    StopWish,
    mark_stopping,
    renew_stop,
    request_kill,
    request_stop,
    stop_is_asked,
    stop_reason,
    stopping_reason,
    take_kill,
    take_stop,
)
from workbench.run.layout import RunDir


@pytest.mark.parametrize("grace", [None, 0.0, 2.5])
def test_a_stop_is_taken_once_and_by_its_own_attempt(tmp_path: Path, grace: float | None) -> None:
    run_dir = RunDir(tmp_path)
    assert take_stop(run_dir, 2) is None
    request_stop(run_dir, 2, "pause", grace)
    assert not stop_is_asked(run_dir, 1)
    assert take_stop(run_dir, 1) is None
    assert stop_is_asked(run_dir, 2)
    assert take_stop(run_dir, 2) == StopWish("pause", grace)
    assert take_stop(run_dir, 2) is None
    assert stopping_reason(run_dir, 2) == stop_reason(run_dir, 2) == "pause"


def test_what_a_killed_shim_had_taken_up_is_a_wish_again(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    renew_stop(run_dir, 1)
    assert not stop_is_asked(run_dir, 1)
    request_stop(run_dir, 1, "pause", 2.5)
    wish = take_stop(run_dir, 1)
    renew_stop(run_dir, 2)
    assert take_stop(run_dir, 1) is None
    renew_stop(run_dir, 1)
    assert take_stop(run_dir, 1) == wish
    mark_stopping(run_dir, 1, "preempted", 7)
    renew_stop(run_dir, 1)
    assert take_stop(run_dir, 1) == StopWish("preempted", 7)


def test_a_kill_is_taken_once(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    request_kill(run_dir, 1)
    assert [take_kill(run_dir, 2), take_kill(run_dir, 1), take_kill(run_dir, 1)] == [False, True, False]


def test_the_reason_holds_for_its_attempt_alone(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    assert stopping_reason(run_dir, 1) is None
    mark_stopping(run_dir, 1, "pause")
    assert (stopping_reason(run_dir, 1), stopping_reason(run_dir, 2)) == ("pause", None)
    assert stop_is_asked(run_dir, 1)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"reason": 7, "grace": "soon"}', "\xff"])
def test_a_wish_written_by_hand_is_a_plain_stop_of_whichever_attempt(tmp_path: Path, text: str) -> None:
    run_dir = RunDir(tmp_path)
    run_dir.control.mkdir()
    (run_dir.control / "stop").write_text(text, encoding="latin-1")
    assert take_stop(run_dir, 3) == StopWish("user", None)
