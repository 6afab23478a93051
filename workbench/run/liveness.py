"""What state a run is in, told from its files and its locks alone: no heartbeat, no daemon."""

import time
from itertools import pairwise
from typing import Any, NamedTuple

from workbench.run.control import stop_is_asked
from workbench.run.events import TERMINAL_KINDS
from workbench.run.failures import FAILURE_CLASSES
from workbench.run.layout import RunDir
from workbench.run.locks import is_held
from workbench.run.logs import Event, attempt_of, last_terminal, planned_steps, recent_events
from workbench.run.proc import ProcRecord, read_proc
from workbench.run.process import boot_id, seconds_since_start
from workbench.run.states import RunStatus
from workbench.run.tickets import Ticket, Tickets

_STALL_SECONDS = 120.0
_STALL_STEPS = 5


class Failure(NamedTuple):
    """Why an attempt failed and what to do; `failure_class` is one of the failure classes, such as `cuda_oom`."""

    failure_class: str
    message: str
    hint: str


_LOST = Failure("lost", FAILURE_CLASSES["lost"].cause, FAILURE_CLASSES["lost"].fixes[0])


class RunView(NamedTuple):
    """A run at one moment. `step` and `steps` are None until logged, `last_event_t` (Unix seconds) likewise.

    `attempt` is the one that the state is about: of a run that waits, the one to come. `evidence` says in words from
    what the state was told. `events` are the newest of the attempt.
    """

    run_id: str
    status: RunStatus
    attempt: int
    step: int | None
    steps: int | None
    last_event_t: float | None
    failure: Failure | None
    evidence: str
    held: bool
    events: tuple[dict[str, Any], ...]


class _Look(NamedTuple):
    """One reading of the files. `events` are the newest of the latest attempt, the supervisor's after the trainer's."""

    run_dir: RunDir
    alive: bool
    supervised: bool
    waiting: Ticket | None
    started: Ticket | None
    proc: ProcRecord | None
    begun: int
    events: list[Event]

    @property
    def ending(self) -> Event | None:
        return last_terminal(self.events, self.begun)

    @property
    def to_come(self) -> Ticket | None:
        """The ticket of an attempt that has not begun."""
        tickets = (ticket for ticket in (self.started, self.waiting) if ticket and ticket.attempt > self.begun)
        return next(tickets, None)

    @property
    def attempt(self) -> int:
        return self.to_come.attempt if self.to_come else self.begun

    @property
    def status(self) -> RunStatus:
        if self.alive or (self.supervised and (self.to_come or self.ending is None)):
            return self._at_work()
        if self.to_come:
            return RunStatus.QUEUED
        if self.begun == 0:
            return RunStatus.STOPPED
        return RunStatus(self.ending["kind"]) if self.ending else RunStatus.LOST

    @property
    def waits_for_room(self) -> bool:
        """Whether the shim has said why it does not start the trainer yet: however long that takes is no stall."""
        proc = self.proc
        no_trainer = proc is not None and proc.attempt == self.attempt and proc.trainer is None
        return no_trainer and {event["kind"] for event in self.events} == {"warning"}

    def _at_work(self) -> RunStatus:
        if not self.supervised:
            return RunStatus.UNSUPERVISED
        if stop_is_asked(self.run_dir, self.attempt):
            return RunStatus.STOPPING
        if self.waits_for_room:
            return RunStatus.STARTING
        if self.silence > _patience(self.events):
            return RunStatus.STALLED
        return RunStatus.STARTING if self.to_come or not self.events else RunStatus.RUNNING

    @property
    def silence(self) -> float:
        """Seconds since the last event of the attempt, or since its shim started when it logged nothing.

        By clocks that nobody sets: the wall clock may have been put back meanwhile.
        """
        if self.proc is None or self.proc.attempt != self.attempt or self.proc.shim.boot_id != boot_id():
            return 0.0  # whose clock it would be is not known (yet)
        since_start = seconds_since_start(self.proc.shim)
        logged = [float(event["mono"]) for event in self.events if "mono" in event]
        return min([since_start, time.monotonic() - max(logged)]) if logged else since_start

    def evidence(self, status: RunStatus) -> str:
        """What the state was told from, in words."""
        proc = self.proc
        match status:
            case RunStatus.QUEUED if self.waiting is None:
                return "it was to be started, and whoever was to do it is gone: the next look at the queue will"
            case RunStatus.QUEUED:
                return f"queue/waiting has its ticket for attempt {self.attempt}, and no lock is held"
            case RunStatus.STARTING if self.waits_for_room:
                why = self.events[-1].get("message", "")
                return f"its locks are held by shim{_pid(proc, 'shim')}, which has yet to start the trainer: {why}"
            case RunStatus.STARTING:
                return f"shim.lock is held, and attempt {self.attempt} has logged nothing yet"
            case RunStatus.UNSUPERVISED:
                return f"alive.lock is held by its trainer{_pid(proc, 'trainer')}, and shim.lock by nobody"
            case RunStatus.RUNNING | RunStatus.STALLED | RunStatus.STOPPING:
                asked = "; control/ has the wish to stop it" if status is RunStatus.STOPPING else ""
                return f"its locks are held by shim{_pid(proc, 'shim')} and trainer{_pid(proc, 'trainer')}; " + (
                    f"the last event is {max(0.0, self.silence):.0f} s old{asked}"
                )
            case RunStatus.LOST:
                rebooted = proc is not None and proc.shim.boot_id != boot_id()
                why = ": the machine was started anew since" if rebooted else ""
                return f"no lock is held, and attempt {self.begun} logged no end{why}"
            case RunStatus.STOPPED if self.begun == 0:
                return "no attempt was ever made, and no ticket stands in the queue"
        return f"no lock is held, and the logs of attempt {self.begun} end with `{status}`"


def status_of(run_dir: RunDir) -> RunStatus:
    """The state of a run now. Anything that ended has let go of its locks: its logs are complete."""
    return _certain_look(run_dir)[1]


def view_of(run_dir: RunDir) -> RunView:
    """The state and progress of a run now, from the ends of its logs."""
    look, status = _certain_look(run_dir)
    steps = [event["step"] for event in look.events if isinstance(event.get("step"), int)]
    return RunView(
        run_id=run_dir.run_id,
        status=status,
        attempt=look.attempt,
        step=steps[-1] if steps else None,
        steps=planned_steps(run_dir),
        last_event_t=max((event["t"] for event in look.events), default=None),
        failure=_failure(look, status),
        evidence=look.evidence(status),
        held=bool(look.to_come and look.to_come.hold),
        events=tuple(look.events),
    )


def _certain_look(run_dir: RunDir) -> tuple[_Look, RunStatus]:
    """Looks until the answer is certain.

    A shim that starts or ends between two reads of one look can make it say `lost` or `unsupervised` wrongly; a
    second look cannot repeat that, since what it finds was so before it began.
    """
    look = _look(run_dir)
    status = look.status  # told once of each look: it reads files
    while status in (RunStatus.LOST, RunStatus.UNSUPERVISED):
        again = _look(run_dir)
        before, status = (status, look.attempt), again.status
        look = again
        if (status, look.attempt) == before:
            break
    return look, status


def _look(run_dir: RunDir) -> _Look:
    # The locks before the logs: when they are free, nothing more is written there. The trainer's before the shim's: a
    # shim takes its own first and lets it go last.
    alive, supervised = is_held(run_dir.alive_lock), is_held(run_dir.shim_lock)
    tickets = Tickets(run_dir.home)
    waiting, started = tickets.waiting_of(run_dir.run_id), tickets.started_of(run_dir.run_id)
    logs = [recent_events(run_dir.events), recent_events(run_dir.shim_events)]
    proc = read_proc(run_dir)
    attempt = attempt_of(run_dir, [event for events in logs for event in events[-1:]], proc)
    mine = [event for events in logs for event in events if event.get("attempt") == attempt]
    return _Look(run_dir, alive, supervised, waiting, started, proc, attempt, mine)


def _failure(look: _Look, status: RunStatus) -> Failure | None:
    if status is RunStatus.LOST:
        return _LOST
    if status is not RunStatus.FAILED or look.ending is None:
        return None
    texts = (str(look.ending.get(key, "")) for key in ("message", "hint"))
    return Failure(str(look.ending.get("class", "crash")), *texts)


def _patience(events: list[Event]) -> float:
    """Seconds of silence that are nothing unusual for this run."""
    metrics = [event for event in events if event["kind"] == "metric"]
    steps = [(a, b) for a, b in pairwise(metrics) if b["step"] > a["step"]]
    seconds = sorted((b["mono"] - a["mono"]) / (b["step"] - a["step"]) for a, b in steps)
    median = seconds[len(seconds) // 2] if seconds else 0.0
    return max(_STALL_SECONDS, _STALL_STEPS * median)


def _pid(proc: ProcRecord | None, part: str) -> str:
    process = getattr(proc, part) if proc else None
    return f" {process.pid}" if process else ""


assert set(TERMINAL_KINDS) <= {str(status) for status in RunStatus}
