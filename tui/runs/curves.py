"""Numbers of runs over their steps: what the logs said, attempt after attempt, and what a chart makes of it."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Point:
    """A number that a run logged. `name` is as in the log; evaluations are `eval.loss`, samples `telemetry.…`."""

    attempt: int
    step: int
    name: str
    value: float


Line = tuple[Sequence[int], Sequence[float]]  # steps, ascending, and values


@dataclass(slots=True)
class Curve:
    """One number of one run. What an attempt that was resumed or started again makes anew replaces what was there."""

    attempt: int = 0
    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, point: Point) -> None:
        if point.attempt > self.attempt or (self.steps and point.step <= self.steps[-1]):
            cut = bisect_left(self.steps, point.step)
            del self.steps[cut:], self.values[cut:]
        self.attempt = max(self.attempt, point.attempt)
        self.steps.append(point.step)
        self.values.append(point.value)


@dataclass(slots=True)
class Curves:
    """The curves of the runs that are looked at, by run and name."""

    _runs: dict[str, dict[str, Curve]] = field(default_factory=dict)

    def add(self, run_id: str, points: Iterable[Point]) -> None:
        curves = self._runs.setdefault(run_id, {})
        for point in points:
            curves.setdefault(point.name, Curve()).add(point)

    def keep(self, run_ids: Iterable[str]) -> None:
        """Forgets all other runs: their logs are read anew when they are looked at again."""
        kept = set(run_ids)
        self._runs = {run_id: curves for run_id, curves in self._runs.items() if run_id in kept}

    def line(self, run_id: str, name: str) -> Line:
        found = self._runs.get(run_id, {}).get(name)
        return (found.steps, found.values) if found else ((), ())

    def last(self, run_id: str, name: str) -> float | None:
        values = self.line(run_id, name)[1]
        return values[-1] if values else None

    def names(self) -> list[str]:
        """What can be drawn, losses first."""
        found = {name for curves in self._runs.values() for name in curves}
        return sorted(found, key=lambda name: (name != "loss", not name.startswith("eval."), name))


def points_of(events: Iterable[Mapping[str, Any]], step: int = 0) -> list[Point]:
    """The numbers of events. A sample of the machine has no step of its own: it stands at the one before it."""
    found = []
    for event in events:
        said = event.get("step")
        step = said if isinstance(said, int) else step
        values = event.get("values")
        prefix = {"metric": "", "eval": "eval.", "telemetry": "telemetry."}.get(event["kind"])
        if prefix is None or not isinstance(values, dict):
            continue
        attempt = int(event.get("attempt", 0))
        numbers = {name: value for name, value in values.items() if _is_number(value)}
        found += [Point(attempt, step, prefix + name, float(value)) for name, value in numbers.items()]
    return found


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """The exponential mean with this weight (0 to below 1) of what was before, without the pull of its start.

    Kingma and Ba, Adam, https://arxiv.org/abs/1412.6980, section 3: the mean divided by 1 − weight^t.
    """
    mean, left, found = 0.0, 1.0, []
    for value in values:
        mean, left = weight * mean + (1 - weight) * value, left * weight
        found.append(mean / (1 - left))
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
