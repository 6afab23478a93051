"""A run as the list shows it: plain values, told anew every second from files and locks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

RESULTS = ("loss", "token_accuracy", "exact_match")
HIGHER_IS_BETTER = frozenset({"token_accuracy", "exact_match"})


@dataclass(frozen=True, slots=True)
class RunRow:
    """`results` are of the last evaluation of the last finished attempt; `eta_seconds`, `seconds_per_step` and `loss`
    (of training) are known of runs at work alone. `silent_seconds`: since its last event, where the run has stalled.
    `group` is the layer group that it adapts, "" while its record was not read.
    """

    run_id: str
    name: str
    plan: str
    model: str
    seed: int
    status: str
    live: bool
    attempt: int
    step: int | None
    steps: int | None
    trainable_params: int
    reference: bool
    failure: str
    results: Mapping[str, float]
    loss: float | None = None
    seconds_per_step: float | None = None
    eta_seconds: float | None = None
    memory_bytes: int | None = None
    silent_seconds: float | None = None
    group: str = ""
    tags: tuple[str, ...] = ()

    @property
    def over(self) -> bool:
        return not self.live and self.status != "queued"

    @property
    def share(self) -> float:
        """How much of its steps a run has made, 0 to 1."""
        return min(1.0, (self.step or 0) / self.steps) if self.steps else 0.0

    @property
    def badges(self) -> tuple[str, ...]:
        """What sets a run apart from others of its kind, in words."""
        tries = (f"try {self.attempt}",) if self.attempt > 1 else ()
        tags = tuple(f"#{tag}" for tag in self.tags)
        return (*(("reference",) if self.reference else ()), *tries, *tags)


def row_of(listed: Mapping[str, Any], at_work: Mapping[str, Any] | None, silent_seconds: float | None) -> RunRow:
    """The row of what `runs list` says of a run and, where it is not over, what `runs watch` says of it."""
    work = at_work or {}
    status = str(work.get("status", listed["status"]))
    failure = work.get("failure") if at_work else listed.get("failure")
    over = bool(work.get("over", True))
    return RunRow(
        run_id=str(listed["run_id"]),
        name=str(listed["name"]),
        plan=str(listed["plan"]),
        model=str(listed["model"]),
        seed=int(listed["seed"]),
        status=status,
        live=not over and status != "queued",
        attempt=int(work.get("attempt", listed["attempt"])),
        step=work.get("step", listed["step"]),
        steps=work.get("steps", listed["steps"]),
        trainable_params=int(listed["trainable_params"] or 0),
        reference=bool(listed["reference"]),
        failure=str(failure["class"]) if failure else "",
        results={name: float(value) for name, value in listed["eval"].items()},
        loss=work.get("loss"),
        seconds_per_step=work.get("seconds_per_step"),
        eta_seconds=work.get("eta_seconds"),
        memory_bytes=work.get("memory_bytes"),
        silent_seconds=silent_seconds,
    )


def in_order(rows: Sequence[RunRow]) -> tuple[RunRow, ...]:
    """What is at work, then what waits, then what is over, each in the order given."""
    return tuple(sorted(rows, key=lambda row: (not row.live, row.over)))
