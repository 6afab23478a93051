"""What the logs of one run say, attempt by attempt."""

import json
from dataclasses import dataclass
from typing import Any

from store.connection import Connection, reading
from workbench.run.events import TERMINAL_KINDS
from workbench.run.layout import Home

Event = dict[str, Any]
Row = tuple[Any, ...]

_EVENTS = "select attempt, t, body from events where run_id = ? order by attempt, source, rowid"
_EVALS = """
select attempt, evaluator, metric, value, n, step, higher_is_better
from evals where run_id = ? order by attempt, step, rowid
"""
_STEPS = """
select attempt, max(step), median(value) filter (where name = 'tokens_per_s')
from metrics where run_id = ? group by attempt
"""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The value of one metric after `step` steps, over `n` tokens or examples."""

    evaluator: str
    metric: str
    value: float | None
    n: int | None
    step: int
    higher_is_better: bool | None


@dataclass(frozen=True, slots=True)
class AttemptLog:
    """One attempt as logged. Times are Unix seconds; what was not logged is None.

    `ending` is its terminal event and `audit` its audit event, both as they stand in the log; `base_bytes` what the
    loaded base took; `tokens_per_s` the median over its steps.
    """

    attempt: int
    started: float | None
    seconds: float | None
    ending: Event | None
    audit: Event | None
    base_bytes: int | None
    step: int | None
    tokens_per_s: float | None
    warnings: tuple[str, ...]
    evaluations: tuple[Evaluated, ...]

    @property
    def finished(self) -> bool:
        return self.ending is not None and self.ending["kind"] == "finished"


def history(home: Home, run_id: str) -> list[AttemptLog]:
    """The attempts of a run that logged anything, in their order. Errors as `reading`."""
    with reading(home) as connection:
        events = _by_attempt(connection, _EVENTS, run_id)
        evaluations = _by_attempt(connection, _EVALS, run_id)
        steps = _by_attempt(connection, _STEPS, run_id)
    return [
        _attempt(number, events.get(number, []), evaluations.get(number, []), steps.get(number, []))
        for number in sorted({*events, *evaluations, *steps})
    ]


def _by_attempt(connection: Connection, query: str, run_id: str) -> dict[int, list[Row]]:
    """The rows of each attempt, without their first column, which says whose they are."""
    found: dict[int, list[Row]] = {}
    for attempt, *columns in connection.execute(query, [run_id]).fetchall():
        found.setdefault(attempt, []).append(tuple(columns))
    return found


def _attempt(number: int, rows: list[Row], evaluations: list[Row], steps: list[Row]) -> AttemptLog:
    times = [t for t, _ in rows if t is not None]
    events: list[Event] = [json.loads(body) for _, body in rows]
    last: dict[str, Event] = {event["kind"]: event for event in events}
    endings = [event for event in events if event["kind"] in TERMINAL_KINDS]
    [(step, tokens_per_s)] = steps or [(None, None)]
    return AttemptLog(
        attempt=number,
        started=times[0] if times else None,
        seconds=_seconds(events),
        ending=endings[-1] if endings else None,
        audit=last.get("audit"),
        base_bytes=last.get("base_ready", {}).get("bytes"),
        step=step,
        tokens_per_s=tokens_per_s,
        warnings=tuple(str(event.get("message", "")) for event in events if event["kind"] == "warning"),
        evaluations=tuple(Evaluated(*row) for row in evaluations),
    )


def _seconds(events: list[Event]) -> float | None:
    """From the first event to the last one by the clock that nobody can set, which an attempt's processes share."""
    clock = [event["mono"] for event in events if isinstance(event.get("mono"), int | float)]
    return max(clock) - min(clock) if clock else None


def speaking_attempt(attempts: list[AttemptLog]) -> AttemptLog | None:
    """The attempt that speaks for the run: the last finished one, else the last; None when there is none."""
    return next((found for found in reversed(attempts) if found.finished), attempts[-1] if attempts else None)
