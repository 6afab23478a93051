"""Running several runs from one program, in the foreground, while other programs do the same."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from workbench.run import locks, slots
from workbench.run.follow import POLL_SECONDS, RunTail
from workbench.run.launch import Launcher, LocalLauncher, RunHandle
from workbench.run.layout import Home, RunDir
from workbench.run.liveness import RunStatus, status_of
from workbench.run.logs import Event, latest_attempt

OnEvent = Callable[[Event], None]
OnWait = Callable[[str], None]


@dataclass(slots=True)
class StopRequest:
    """A wish to stop, made from a signal handler or another thread. The first lets runs save, the second kills."""

    count: int = 0

    def stop(self) -> None:
        self.count += 1


@dataclass(slots=True)
class _Part:
    """One run in hand. `attempt` is the one to come, or the one that another program has begun."""

    run_dir: RunDir
    attempt: int
    tail: RunTail
    handle: RunHandle | None = None

    def begun_elsewhere(self) -> bool:
        return locks.is_held(self.run_dir.alive_lock) or latest_attempt(self.run_dir) >= self.attempt

    def outcome(self, stopped: bool) -> RunStatus:
        """The state in the end; `lost` when the shim died unasked before the attempt began."""
        if self.handle and not stopped and latest_attempt(self.run_dir) < self.attempt:
            return RunStatus.LOST  # the files still tell of the attempt before
        return status_of(self.run_dir)


def run_all(
    home: Home,
    runs: Sequence[RunDir],
    jobs: int,
    threads: int,
    on_event: OnEvent,
    launcher: Launcher | None = None,
    stop: StopRequest | None = None,
    on_wait: OnWait = lambda message: None,
) -> dict[str, RunStatus]:
    """Starts each run's next attempt, at most `jobs` at once, and returns their states once all are over.

    A run that another program has at work, or began while this one waited for a slot, is followed in place of being
    started. `on_event` gets every event of the attempts in hand; `on_wait` is told once when other programs hold all
    slots. After `stop.stop()` nothing is started, runs started here are stopped, and the others are left alone.
    """
    launcher = launcher or LocalLauncher(slots.machine_slots(jobs))
    parts = [_part(run_dir) for run_dir in dict.fromkeys(runs)]
    schedule = _Schedule(home, launcher, jobs, threads, on_event, on_wait, stop or StopRequest(), waiting=[*parts])
    while schedule.advance():
        time.sleep(POLL_SECONDS)
    return {part.run_dir.run_id: part.outcome(stopped=schedule.stop.count > 0) for part in parts}


def _part(run_dir: RunDir) -> _Part:
    attempt = latest_attempt(run_dir) + (0 if locks.is_held(run_dir.alive_lock) else 1)
    return _Part(run_dir, attempt, RunTail(run_dir, since=attempt))


@dataclass(slots=True)
class _Schedule:
    home: Home
    launcher: Launcher
    jobs: int
    threads: int
    on_event: OnEvent
    on_wait: OnWait
    stop: StopRequest
    waiting: list[_Part] = field(default_factory=list)
    started: list[_Part] = field(default_factory=list)
    followed: list[_Part] = field(default_factory=list)
    stops_sent: int = 0
    wait_told: bool = False

    def advance(self) -> bool:
        """Does what can be done now; False when nothing is left to wait for."""
        if self.stop.count:
            self._pass_on_stop()
        else:
            self._start_waiting()
        self.started = [part for part in self.started if not self._read(part)]
        self.followed = [part for part in self.followed if not self._read(part)]
        return bool(self.waiting or self.started or self.followed)

    def _pass_on_stop(self) -> None:
        self.waiting, self.followed = [], []
        while self.stops_sent < self.stop.count:
            self.stops_sent += 1
            for part in self.started:
                if part.handle:
                    self.launcher.stop(part.handle)

    def _start_waiting(self) -> None:
        while self.waiting:
            part = self.waiting[0]
            if part.begun_elsewhere():
                self.followed.append(self.waiting.pop(0))
            elif len(self.started) < self.jobs and (lease := slots.acquire(self.home, self.launcher.capacity())):
                part.handle = self.launcher.submit(part.run_dir, lease, self.threads, part.attempt)
                self.started.append(self.waiting.pop(0))
            else:
                self._tell_wait()
                return

    def _tell_wait(self) -> None:
        if not self.started and not self.wait_told:
            self.wait_told = True
            self.on_wait(f"waiting for a slot ({len(self.waiting)} to start): other programs hold them all")

    def _read(self, part: _Part) -> bool:
        """Hands on what is new; returns whether the run was over before that, so that nothing is missed."""
        status = self.launcher.status(part.handle) if part.handle else status_of(part.run_dir)
        for event in part.tail.read():
            self.on_event(event)
        return not status.is_live
