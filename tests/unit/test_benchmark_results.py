"""A kept result of a benchmark keeps the parts that were measured before it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks import common
from benchmarks.common import merged, publish

PARTS = ("list", "tick", "start")


def _result(measured: str, **parts: Any) -> dict[str, Any]:
    return {"benchmark": "b", "measured": measured, "rounds": int(measured), **parts, "machine": {"commit": measured}}


def test_a_part_measured_again_replaces_that_part_alone() -> None:
    found = merged(_result("1", list=1, tick=1), _result("2", list=2), PARTS)
    earlier = {"tick": {"measured": "1", "rounds": 1, "machine": {"commit": "1"}}}
    assert found == _result("2", list=2, tick=1) | {"earlier": earlier}


def test_each_part_keeps_its_own_circumstances() -> None:
    found = merged(merged(_result("1", list=1, tick=1), _result("2", start=2), PARTS), _result("3", list=3), PARTS)
    assert {part: found[part] for part in PARTS} == {"list": 3, "tick": 1, "start": 2}
    assert {part: of["measured"] for part, of in found["earlier"].items()} == {"tick": "1", "start": "2"}
    assert merged(found, _result("4", list=4, tick=4, start=4), PARTS) == _result("4", list=4, tick=4, start=4)


def test_without_parts_the_last_result_is_the_whole_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    path = tmp_path / f"b-{datetime.now(UTC).date()}.json"
    publish("b", {"list": 1, "tick": 1}, (), keep=True, parts=PARTS)
    publish("b", {"list": 2}, (), keep=True, parts=PARTS)
    assert json.loads(path.read_text(encoding="utf-8"))["tick"] == 1
    publish("b", {"list": 3}, (), keep=False, parts=PARTS)
    assert json.loads(path.read_text(encoding="utf-8"))["list"] == 2
    publish("b", {"list": 4}, (), keep=True)
    assert set(json.loads(path.read_text(encoding="utf-8"))) == {"benchmark", "measured", "list", "machine"}
