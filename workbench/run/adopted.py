"""A trainer that lost its shim, in the hands of another one: it is nobody's child here, so it is held by a pidfd."""

import os
import signal
import time
from dataclasses import dataclass

from workbench.run import locks
from workbench.run.group import readable_within
from workbench.run.handoff import attempt_variables
from workbench.run.layout import RunDir
from workbench.run.logs import ending
from workbench.run.proc import ProcRecord
from workbench.run.process import ProcessId, is_alive, processes_with, signal_process

_LEFTOVER_SECONDS = 10.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class AdoptedTrainer:
    """The processes of an attempt, told by what their environment says; None for a trainer that has ended already."""

    run_dir: RunDir
    attempt: int
    identity: ProcessId | None

    def ended_within(self, seconds: float, wakeup: int) -> bool:
        """Waits for the trainer's end, but no longer than that, nor once `wakeup` can be read."""
        if self.identity is None or not is_alive(self.identity):
            return True
        try:
            pidfd = os.pidfd_open(self.identity.pid)
        except ProcessLookupError:
            return True
        try:
            # Looked at again: the pid could have changed hands before it was opened.
            return not is_alive(self.identity) or readable_within(pidfd, wakeup, seconds)
        finally:
            os.close(pidfd)

    def signal(self, number: signal.Signals) -> None:
        for process in self._members():
            signal_process(process, number)

    def end(self) -> None:
        """Kills what is left, until none of it holds the run's lock any more or 10 s have passed."""
        deadline = time.monotonic() + _LEFTOVER_SECONDS
        while (members := self._members()) and time.monotonic() < deadline:
            for process in members:
                signal_process(process, signal.SIGKILL)
            time.sleep(_POLL_SECONDS)

    def _members(self) -> list[ProcessId]:
        trainer = (self.identity,) if self.identity else ()
        found = processes_with(attempt_variables(self.run_dir.path, self.attempt))
        return [process for process in dict.fromkeys([*trainer, *found]) if is_alive(process)]


def find_trainer(run_dir: RunDir, attempt: int, proc: ProcRecord | None) -> AdoptedTrainer:
    """The trainer of an attempt whose shim is gone.

    A shim may have been killed before it could write down whom it started: then it is the first that was started of
    the attempt's processes, as long as it has not logged its end.
    """
    trainer = proc.trainer if proc and proc.attempt == attempt else None
    if trainer is None and ending(run_dir, attempt) is None:
        members = processes_with(attempt_variables(run_dir.path, attempt))
        trainer = min(members, key=lambda process: process.start_ticks, default=None)
    return AdoptedTrainer(run_dir, attempt, trainer)


def take_after(run_dir: RunDir) -> int | None:
    """The run's `alive.lock`, once nothing of the attempt holds it any more; None when something still does."""
    return locks.take(run_dir.alive_lock, _LEFTOVER_SECONDS)
