import json
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import InvalidError, NotFoundError
from workbench.run.predictions import at_step, read_predictions, steps_of


def _row(step: int, index: int, **changes: Any) -> dict[str, Any]:
    plain = {"step": step, "index": index, "prompt": "p", "target": "t", "output": "o", "correct": False, "loss": 0.5}
    return plain | changes


def _write(path: Path, rows: list[dict[str, Any]], tail: str = "") -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + tail)
    return path


def test_rows_come_back_by_evaluation_and_index(tmp_path: Path) -> None:
    rows = [_row(2, 0), _row(2, 1), _row(4, 1), _row(4, 0, correct=True, loss=0.25)]
    found = read_predictions(_write(tmp_path / "predictions.1.jsonl", rows))
    assert steps_of(found) == [2, 4]
    assert [(p.step, p.index, p.correct, p.loss) for p in at_step(found)] == [(4, 0, True, 0.25), (4, 1, False, 0.5)]
    assert [(p.step, p.index) for p in at_step(found, 2)] == [(2, 0), (2, 1)]


def test_a_step_without_an_evaluation_names_those_that_there_are(tmp_path: Path) -> None:
    found = read_predictions(_write(tmp_path / "predictions.1.jsonl", [_row(2, 0), _row(4, 0)]))
    with pytest.raises(NotFoundError) as caught:
        at_step(found, 3)
    assert "step 3" in caught.value.title
    assert "2, 4" in caught.value.hint


def test_a_line_cut_off_at_the_end_is_left_out(tmp_path: Path) -> None:
    whole = json.dumps(_row(1, 1))
    path = _write(tmp_path / "predictions.1.jsonl", [_row(1, 0)], tail=whole[:20])
    assert [p.index for p in read_predictions(path)] == [0]
    # Even a row that parses may be the beginning of a longer one: without its newline it does not count.
    path = _write(tmp_path / "predictions.2.jsonl", [_row(1, 0)], tail=whole)
    assert [p.index for p in read_predictions(path)] == [0]


@pytest.mark.parametrize("broken", ["{", "[]", '{"step": 1}', "null", '"text"'])
def test_a_row_that_is_no_prediction_is_named_with_its_line(tmp_path: Path, broken: str) -> None:
    path = _write(tmp_path / "predictions.1.jsonl", [_row(1, 0)], tail=broken + "\n")
    with pytest.raises(InvalidError) as caught:
        read_predictions(path)
    assert f"{path}:2: not a prediction" in caught.value.title
    assert "--force" in caught.value.hint


def test_keys_that_this_version_does_not_know_do_no_harm_and_a_loss_may_be_no_number(tmp_path: Path) -> None:
    rows = [_row(1, 0, loss=float("nan"), turns=3), _row(1, 1, loss=None)]
    found = read_predictions(_write(tmp_path / "predictions.1.jsonl", rows))
    assert [p.loss for p in found] == [None, None]


def test_no_file_and_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such file"):
        read_predictions(tmp_path / "predictions.1.jsonl")
    empty = read_predictions(_write(tmp_path / "predictions.2.jsonl", []))
    assert empty == []
    with pytest.raises(NotFoundError, match="no evaluation"):
        at_step(empty)
