"""Following runs that one program put into the queue, to their end, while other programs do the same."""

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from workbench.errors import LockedError
from workbench.run import queue
from workbench.run.follow import POLL_SECONDS, RunTail
from workbench.run.launch import Launcher, LocalLauncher, RunHandle
from workbench.run.layout import Home, RunDir
from workbench.run.liveness import view_of
from workbench.run.logs import Event
from workbench.run.schedule import schedule
from workbench.run.states import RunStatus
from workbench.run.tickets import Tickets
from workbench.run.waits import reason_to_wait

OnEvent = Callable[[Event], None]
OnWait = Callable[[str], None]


@dataclass(slots=True)
class StopRequest:
    """A wish to stop, made from a signal handler or another thread. The first lets runs save, the second kills."""

    count: int = 0

    def stop(self) -> None:
        self.count += 1


@dataclass(slots=True)
class Follower:
    """Hands on every event of the runs' attempts from when it was made, and is the queue's scheduler meanwhile.

    `mine` are the runs that this program put into the queue: after `stop.stop()` they are taken out of it or stopped,
    the second time killed; the others are left alone. `on_wait` is told once when all wait for slots or other runs.
    """

    home: Home
    run_dirs: Sequence[RunDir]
    mine: Collection[str]
    on_event: OnEvent
    on_wait: OnWait = lambda message: None
    stop: StopRequest = field(default_factory=StopRequest)
    launcher: Launcher | None = None
    _tails: dict[RunDir, RunTail] = field(init=False)
    _stops_sent: int = 0
    _wait_told: bool = False

    def __post_init__(self) -> None:
        self.launcher = self.launcher or LocalLauncher(self.home)
        self._tails = {run_dir: RunTail(run_dir, since=view_of(run_dir).attempt) for run_dir in self.run_dirs}

    def follow(self) -> dict[str, RunStatus]:
        """Returns the states in the end: once all runs are over, or all of one's own after a stop."""
        while self._advance():
            time.sleep(POLL_SECONDS)
        return {run_dir.run_id: view_of(run_dir).status for run_dir in self.run_dirs}

    def _advance(self) -> bool:
        if self.stop.count:
            self._pass_on_stop()
        with suppress(LockedError):  # somebody else is at it
            schedule(self.home, self.launcher, patience=POLL_SECONDS)
        states = {run_dir: self._read(run_dir) for run_dir in self._tails}
        if states and all(status is RunStatus.QUEUED for status in states.values()):
            self._tell_wait(states)
        followed = [run_dir for run_dir in states if not self.stop.count or run_dir.run_id in self.mine]
        return any(not states[run_dir].is_over for run_dir in followed)

    def _read(self, run_dir: RunDir) -> RunStatus:
        """Hands on what is new; the state is that of before, so that of a run that is over nothing is missed."""
        status = view_of(run_dir).status
        for event in self._tails[run_dir].read():
            self.on_event(event)
        return status

    def _pass_on_stop(self) -> None:
        queue.withdraw(self.home, self.mine)
        while self._stops_sent < self.stop.count:
            self._stops_sent += 1
            for run_dir in self.run_dirs:
                if run_dir.run_id in self.mine and self.launcher:
                    self.launcher.stop(RunHandle(run_dir.run_id, view_of(run_dir).attempt))

    def _tell_wait(self, waiting: Collection[RunDir]) -> None:
        if self._wait_told:
            return
        self._wait_told = True
        tickets = filter(None, (Tickets(self.home).waiting_of(run_dir.run_id) for run_dir in waiting))
        why = next(filter(None, (reason_to_wait(self.home, ticket) for ticket in tickets)), "others hold all slots")
        self.on_wait(f"waiting ({len(waiting)} to start): {why}; see workbench runs queue")
