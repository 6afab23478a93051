"""The states of a run, which may follow which, and what a person may ask for in each. The one list of all three."""

from enum import StrEnum

from workbench.errors import WorkbenchError


class RunStatus(StrEnum):
    """What a run is doing, told from its files and locks (`liveness`) and stored nowhere.

    `stalled`: at work, but silent for much longer than its steps take. `unsupervised`: its trainer goes on without a
    shim. `stopped` is also a run that was never started. `lost`: trainer and shim are gone without a word.
    """

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    STALLED = "stalled"
    UNSUPERVISED = "unsupervised"
    STOPPING = "stopping"
    STOPPED = "stopped"
    PAUSED = "paused"
    FINISHED = "finished"
    FAILED = "failed"
    LOST = "lost"

    @property
    def is_live(self) -> bool:
        """Whether a process of the run is at work."""
        return self in LIVE

    @property
    def is_over(self) -> bool:
        """Whether the latest attempt ended, in whatever way, and none is to come."""
        return self in OVER


_S = RunStatus
LIVE = frozenset({_S.STARTING, _S.RUNNING, _S.STALLED, _S.UNSUPERVISED, _S.STOPPING})
OVER = frozenset({_S.STOPPED, _S.PAUSED, _S.FINISHED, _S.FAILED, _S.LOST})

# What can be the next state of a run. One that is taken out of the queue is again what it was before.
TRANSITIONS: dict[RunStatus, frozenset[RunStatus]] = {
    _S.QUEUED: frozenset({_S.STARTING, *OVER}),
    _S.STARTING: frozenset({_S.QUEUED, *LIVE, *OVER}) - {_S.STARTING},
    _S.RUNNING: frozenset({*LIVE, *OVER}) - {_S.RUNNING, _S.STARTING},
    _S.STALLED: frozenset({*LIVE, *OVER}) - {_S.STALLED, _S.STARTING},
    _S.UNSUPERVISED: frozenset({*LIVE, *OVER}) - {_S.UNSUPERVISED},
    _S.STOPPING: frozenset({_S.UNSUPERVISED, *OVER}),
    _S.STOPPED: frozenset({_S.QUEUED}),
    _S.PAUSED: frozenset({_S.QUEUED}),
    _S.FINISHED: frozenset({_S.QUEUED}),
    _S.FAILED: frozenset({_S.QUEUED}),
    _S.LOST: frozenset({_S.QUEUED}),
}

# In which states a person may ask for what.
ACTIONS: dict[str, frozenset[RunStatus]] = {
    "stop": frozenset({_S.QUEUED, *LIVE}),
    "pause": frozenset({_S.QUEUED, *LIVE}) - {_S.STOPPING},
    "hold": frozenset({_S.QUEUED}),
    "release": frozenset({_S.QUEUED}),
    "prioritize": frozenset({_S.QUEUED}),
    "resume": frozenset({_S.PAUSED, _S.STOPPED, _S.FAILED, _S.LOST}),
    "retry": frozenset({_S.PAUSED, _S.STOPPED, _S.FAILED, _S.LOST}),
    "rm": OVER,
}
_INSTEAD = {
    ("stop", "over"): "nothing of it is at work; `workbench runs show` says how it ended",
    ("pause", "over"): "nothing of it is at work; `workbench runs show` says how it ended",
    ("pause", _S.STOPPING): "it is being stopped already; what is saved then can be resumed",
    ("resume", _S.FINISHED): "a finished run has nothing to go on with; `workbench run --force` makes another attempt",
    ("retry", _S.FINISHED): "it did what it was to do; `workbench run --force` makes another attempt",
    ("resume", _S.QUEUED): "it will start by itself; if it is on hold, `workbench runs release` lets it",
    ("retry", _S.QUEUED): "it will start by itself; if it is on hold, `workbench runs release` lets it",
    ("resume", "live"): "it is at work; `workbench runs watch` shows how far it is",
    ("retry", "live"): "stop it first: workbench runs stop",
    ("rm", "live"): "stop it first: workbench runs stop",
    ("rm", _S.QUEUED): "take it out of the queue first: workbench runs stop",
}


class WrongStateError(WorkbenchError):
    """Something was asked of a run that its state does not allow."""


def require(action: str, run_id: str, status: RunStatus) -> None:
    """Raises WrongStateError, with what can be done instead, where a run in this state cannot be asked for `action`."""
    if status in ACTIONS[action]:
        return
    kind = "live" if status.is_live else "over" if status.is_over else ""
    allowed = ", ".join(sorted(ACTIONS[action]))
    hint = _INSTEAD.get((action, status)) or _INSTEAD.get((action, kind)) or f"only a run that is {allowed} can be"
    raise WrongStateError(f"run {run_id} is {status}: cannot {action} it", hint)
