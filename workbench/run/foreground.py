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

_REST, _LONGEST_REST = 4.0, 1.0  # so many times as long as a look took; at most so many seconds

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
    the second time killed; the others are left alone. `on_wait` is told when all wait, once for every reason.
    """

    home: Home
    run_dirs: Sequence[RunDir]
    mine: Collection[str]
    on_event: OnEvent
    on_wait: OnWait = lambda message: None
    stop: StopRequest = field(default_factory=StopRequest)
    launcher: Launcher | None = None
    _tails: dict[RunDir, RunTail] = field(init=False)
    _stops_sent: dict[RunHandle, int] = field(default_factory=dict)
    _wait_told: str = ""

    def __post_init__(self) -> None:
        self.launcher = self.launcher or LocalLauncher(self.home)
        self._tails = {run_dir: RunTail(run_dir, since=view_of(run_dir).attempt) for run_dir in self.run_dirs}

    def follow(self) -> dict[str, RunStatus]:
        """Returns the states in the end: once all runs are over, or all of one's own after a stop."""
        began = time.monotonic()
        while self.look():
            # Looking at hundreds of runs must not take the cores from those that train.
            time.sleep(min(max(POLL_SECONDS, _REST * (time.monotonic() - began)), _LONGEST_REST))
            began = time.monotonic()
        return {run_dir.run_id: view_of(run_dir).status for run_dir in self.run_dirs}

    def look(self) -> bool:
        """Does what there is to do now; whether there is more to come."""
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
        with suppress(LockedError):  # the next time, then
            queue.withdraw(self.home, self.mine, POLL_SECONDS)
        for run_dir in self.run_dirs:
            if run_dir.run_id in self.mine:
                self._stop(run_dir)

    def _stop(self, run_dir: RunDir) -> None:
        """Asks as often as was asked here. What cannot be told yet, since its shim is only being started, is later."""
        handle = RunHandle(run_dir.run_id, view_of(run_dir).attempt)
        sent = self._stops_sent.get(handle, 0)
        if sent < self.stop.count and self.launcher and self.launcher.stop(handle):
            self._stops_sent[handle] = sent + 1

    def _tell_wait(self, waiting: Collection[RunDir]) -> None:
        tickets = filter(None, (Tickets(self.home).waiting_of(run_dir.run_id) for run_dir in waiting))
        why = next(filter(None, (reason_to_wait(self.home, ticket) for ticket in tickets)), "others hold all slots")
        if why != self._wait_told:
            self._wait_told = why
            self.on_wait(f"waiting ({len(waiting)} to start): {why}; see workbench runs queue")
