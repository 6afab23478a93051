"""How far, how fast, how long still."""

from typing import Any

from workbench.run.liveness import RunView
from workbench.run.progress import progress_of
from workbench.run.states import RunStatus


def _view(events: list[dict[str, Any]], step: int | None, status: RunStatus = RunStatus.RUNNING) -> RunView:
    return RunView("run", status, 1, step, 100, None, None, "", False, tuple(events))


def _metric(step: int, mono: float, **values: float) -> dict[str, Any]:
    return {"kind": "metric", "step": step, "mono": mono, "values": {"loss": 1.0 / step, **values}}


def test_speed_is_a_median_that_an_evaluation_does_not_move() -> None:
    events = [_metric(step, 2.0 * step + (50 if step > 3 else 0), memory_bytes=7) for step in range(1, 6)]
    found = progress_of(_view(events, 5))
    assert (found.seconds_per_step, found.eta_seconds) == (2.0, 190.0)
    assert (found.loss, found.memory_bytes) == (0.2, 7)


def test_nothing_is_made_up_before_two_steps() -> None:
    found = progress_of(_view([_metric(1, 3.0)], 1))
    assert (found.seconds_per_step, found.eta_seconds, found.loss) == (None, None, 1.0)
    found = progress_of(_view([], None))
    assert (found.loss, found.memory_bytes, found.eta_seconds) == (None, None, None)


def test_a_run_that_is_over_has_nothing_to_go() -> None:
    events = [_metric(1, 1.0), _metric(2, 2.0)]
    assert progress_of(_view(events, 2, RunStatus.STOPPED)).eta_seconds is None


def test_memory_is_what_was_measured_last() -> None:
    telemetry = {"kind": "telemetry", "values": {"rss_bytes": 9, "cpu_cores": 1.0}}
    assert progress_of(_view([_metric(1, 1.0, memory_bytes=7), telemetry], 1)).memory_bytes == 9
