"""The rows of `runs watch` where a terminal has fewer lines than there are runs."""

from typing import Any

import pytest

from workbench.cli.run_watch import _screenful
from workbench.report.live import fitting_rows


def _row(name: str, status: str) -> dict[str, Any]:
    absent = ("step", "steps", "loss", "tokens_per_s", "eta_seconds", "memory_bytes", "slot", "failure")
    over = status in ("finished", "failed", "stopped", "paused", "lost")
    return {**dict.fromkeys(absent), "run_id": name, "name": name, "status": status, "over": over, "tenth": 0}


ROWS = [_row("one", "running"), *(_row(f"later-{n}", "queued") for n in range(60)), _row("done", "finished")]


def test_what_is_at_work_and_what_has_ended_comes_before_the_queue() -> None:
    assert [row["name"] for row in fitting_rows(ROWS, 4)] == ["one", "done", "later-0", "later-1"]
    assert fitting_rows(ROWS, 100) == [ROWS[0], ROWS[-1], *ROWS[1:-1]]
    assert len(fitting_rows(ROWS, -2)) == 1


@pytest.mark.parametrize("height", [10, 24, 200])
def test_the_summary_is_always_on_the_screen(height: int) -> None:
    lines = _screenful(ROWS, 80, height).splitlines()
    assert len(lines) < max(height, 8)
    assert max(map(len, lines)) < 80
    assert lines[-1] == "1 running, 60 queued, 1 finished · Ctrl-C ends the watching only"
    assert any(line == f"… and {62 - (height - 6)} more" for line in lines) == (height < 62)
