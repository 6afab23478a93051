"""Requests to stop, as they reach a shim: SIGTERM, or a file in `control/`."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.run.control import take_stop
from workbench.run.layout import RunDir


@dataclass(frozen=True, slots=True)
class StopRequests:
    """`wakeup` can be read when a signal came. `grace`: seconds, where the request names none."""

    run_dir: RunDir
    wakeup: int
    grace: float

    def take(self) -> Iterator[float]:
        """The grace in seconds of each request since the last look."""
        signals = _drain(self.wakeup)
        for _ in range(signals.count(signal.SIGTERM)):
            yield self.grace
        written = take_stop(self.run_dir, self.grace)
        if written is not None:
            yield written


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
