"""What state a run is in, told from its files and its lock alone: no heartbeat, no daemon."""

import time
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import median

from workbench.run.events import TERMINAL_KINDS
from workbench.run.failures import FAILURE_CLASSES
from workbench.run.layout import RunDir
from workbench.run.locks import is_held
from workbench.run.logs import Event, last_terminal, latest_attempt, planned_steps, recent_events
from workbench.run.proc import ProcRecord, read_proc
from workbench.run.process import is_alive

_STALL_SECONDS = 120.0
_STALL_STEPS = 5


class RunStatus(StrEnum):
    """The states of a run. `unsupervised`: it goes on without its shim. `lost`: all of it is gone, without a word."""

    CREATED = "created"
    RUNNING = "running"
    UNSUPERVISED = "unsupervised"
    LOST = "lost"
    FINISHED = "finished"
    STOPPED = "stopped"
    PAUSED = "paused"
    FAILED = "failed"

    @property
    def is_live(self) -> bool:
        """Whether a process of the run is at work."""
        return self in (RunStatus.RUNNING, RunStatus.UNSUPERVISED)

    @property
    def is_over(self) -> bool:
        """Whether the latest attempt ended, in whatever way."""
        return self in (*map(RunStatus, TERMINAL_KINDS), RunStatus.LOST)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed and what to do; `failure_class` is one of the failure classes, such as `cuda_oom`."""

    failure_class: str
    message: str
    hint: str


_LOST = Failure("lost", FAILURE_CLASSES["lost"].cause, FAILURE_CLASSES["lost"].fixes[0])


@dataclass(frozen=True, slots=True)
class RunView:
    """A run at one moment. `step` and `steps` are None until logged, `last_event_t` (Unix seconds) likewise.

    `stalled`: it is live and has been silent for more than 120 s and five times its median step.
    """

    run_id: str
    status: RunStatus
    attempt: int
    step: int | None
    steps: int | None
    last_event_t: float | None
    failure: Failure | None
    stalled: bool


@dataclass(frozen=True, slots=True)
class _Look:
    """One reading of the files. `events` are the newest of the latest attempt, the supervisor's after the trainer's."""

    held: bool
    proc: ProcRecord | None
    attempt: int
    events: list[Event]

    @property
    def ending(self) -> Event | None:
        return last_terminal(self.events, self.attempt)

    @property
    def status(self) -> RunStatus:
        if self.held:
            return RunStatus.UNSUPERVISED if self._shim_is_dead() else RunStatus.RUNNING
        if self.attempt == 0:
            return RunStatus.CREATED
        return RunStatus(self.ending["kind"]) if self.ending else RunStatus.LOST

    def _shim_is_dead(self) -> bool:
        # While a new shim starts, proc.json may still be an earlier attempt's.
        return self.proc is not None and self.proc.attempt == self.attempt and not is_alive(self.proc.shim)


def status_of(run_dir: RunDir) -> RunStatus:
    """The state of a run now. Anything that ended has let go of the lock: its logs are complete."""
    return _certain_look(run_dir).status


def view_of(run_dir: RunDir) -> RunView:
    """The state and progress of a run now, from the ends of its logs."""
    look = _certain_look(run_dir)
    steps = [event["step"] for event in look.events if isinstance(event.get("step"), int)]
    return RunView(
        run_id=run_dir.run_id,
        status=look.status,
        attempt=look.attempt,
        step=steps[-1] if steps else None,
        steps=planned_steps(run_dir),
        last_event_t=max((event["t"] for event in look.events), default=None),
        failure=_failure(look),
        stalled=look.held and _silence(run_dir, look) > _patience(look.events),
    )


def _certain_look(run_dir: RunDir) -> _Look:
    """Looks until the answer is certain.

    A shim that starts or ends between two reads of one look can make it say `lost` or `unsupervised` wrongly; a
    second look cannot repeat that, since what it finds was so before it began.
    """
    look = _look(run_dir)
    while look.status in (RunStatus.LOST, RunStatus.UNSUPERVISED):
        again = _look(run_dir)
        if (again.status, again.attempt) == (look.status, look.attempt):
            return again
        look = again
    return look


def _look(run_dir: RunDir) -> _Look:
    # The lock before the logs: when it is free, nothing more is written to them.
    held = is_held(run_dir.alive_lock)
    attempt = latest_attempt(run_dir)
    events = [*recent_events(run_dir.events), *recent_events(run_dir.shim_events)]
    return _Look(held, read_proc(run_dir), attempt, [e for e in events if e.get("attempt") == attempt])


def _failure(look: _Look) -> Failure | None:
    if look.status is RunStatus.LOST:
        return _LOST
    if look.status is not RunStatus.FAILED or look.ending is None:
        return None
    texts = (str(look.ending.get(key, "")) for key in ("message", "hint"))
    return Failure(str(look.ending.get("class", "crash")), *texts)


def _silence(run_dir: RunDir, look: _Look) -> float:
    """Seconds since the last event of the attempt, or since its start when it logged nothing."""
    try:
        started = run_dir.proc.stat().st_mtime
    except FileNotFoundError:
        return 0.0
    return time.time() - max([started, *(float(event["t"]) for event in look.events)])


def _patience(events: list[Event]) -> float:
    """Seconds of silence that are nothing unusual for this run."""
    metrics = [event for event in events if event["kind"] == "metric"]
    seconds = [(b["t"] - a["t"]) / (b["step"] - a["step"]) for a, b in pairwise(metrics) if b["step"] > a["step"]]
    return max(_STALL_SECONDS, _STALL_STEPS * median(seconds)) if seconds else _STALL_SECONDS
