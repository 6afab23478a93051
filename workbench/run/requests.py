"""Requests to stop, as they reach a shim: SIGTERM, or files in `control/`."""

import os
import select
import signal
from dataclasses import dataclass

from workbench.run.control import StopWish, take_kill, take_stop
from workbench.run.layout import RunDir


@dataclass(frozen=True, slots=True)
class Requests:
    """What reached the shim since the last look: a wish to stop, SIGTERMs, and whether to kill at once."""

    stop: StopWish | None
    signals: int
    kill: bool


@dataclass(frozen=True, slots=True)
class StopRequests:
    """`wakeup` can be read when a signal came."""

    run_dir: RunDir
    attempt: int
    wakeup: int

    def take_within(self, seconds: float) -> Requests:
        """Takes what there is once a signal came, or that time has passed."""
        select.select([self.wakeup], [], [], seconds)
        return self.take()

    def take(self) -> Requests:
        """Takes what is there. The commands of the workbench leave files, so a signal is somebody else's wish."""
        count = _drain(self.wakeup).count(signal.SIGTERM)
        signalled = StopWish("preempted", None) if count else None
        written = take_stop(self.run_dir, self.attempt)
        return Requests(written or signalled, count, take_kill(self.run_dir, self.attempt))


def catch_signals() -> int:
    """Makes SIGTERM and SIGCHLD readable on the returned descriptor; a lost terminal and Ctrl-C are ignored."""
    reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    return reading


def _drain(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except BlockingIOError:
        return b""
