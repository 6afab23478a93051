"""How far a run is and how fast it goes, from the newest events of its attempt."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from workbench.run.liveness import RunView


@dataclass(frozen=True, slots=True)
class RunProgress:
    """`seconds_per_step` is the median of the newest steps, `eta_seconds` what the steps to come take at that.

    None for what is not known yet. `memory_bytes` is what was in use when it was last measured.
    """

    step: int | None
    steps: int | None
    loss: float | None
    seconds_per_step: float | None
    tokens_per_s: float | None
    memory_bytes: int | None
    eta_seconds: float | None


def progress_of(view: RunView) -> RunProgress:
    """The progress of a run as it was looked at."""
    metrics = [event for event in view.events if event["kind"] == "metric"]
    values: dict[str, Any] = metrics[-1].get("values", {}) if metrics else {}
    per_step = _seconds_per_step(metrics)
    left = view.steps - view.step if view.steps is not None and view.step is not None else None
    return RunProgress(
        step=view.step,
        steps=view.steps,
        loss=values.get("loss"),
        seconds_per_step=per_step,
        tokens_per_s=values.get("tokens_per_s"),
        memory_bytes=_memory(view.events),
        eta_seconds=per_step * left if per_step is not None and left is not None and view.status.is_live else None,
    )


def _seconds_per_step(metrics: Sequence[dict[str, Any]]) -> float | None:
    # The clock since the boot, as nobody sets it; evaluations in between are outliers that a median passes over.
    pairs = [(a, b) for a, b in pairwise(metrics) if b["step"] > a["step"]]
    return median((b["mono"] - a["mono"]) / (b["step"] - a["step"]) for a, b in pairs) if pairs else None


def _memory(events: Sequence[dict[str, Any]]) -> int | None:
    for event in reversed(events):
        values = event.get("values")
        if event["kind"] in ("metric", "telemetry") and isinstance(values, dict):
            for name in ("memory_bytes", "rss_bytes"):
                if isinstance(values.get(name), int | float):
                    return int(values[name])
    return None
