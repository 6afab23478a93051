"""The trainer's process group, as only its shim may handle it: start, signal, end, sweep."""

import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from workbench.run.process import ProcessId, children_of, identify


class Trainer(Protocol):
    """The processes of an attempt, in the hands of a shim."""

    def ended_within(self, seconds: float, wakeup: int) -> bool:
        """Waits for the trainer's end, but no longer than that, nor once `wakeup` can be read."""

    def signal(self, number: signal.Signals) -> None:
        """Signals the trainer and all that it started in its group."""

    def end(self) -> int | None:
        """Kills what is left of the attempt; the trainer's return code, None where it cannot be known."""


@dataclass(frozen=True, slots=True)
class TrainerGroup:
    """A started trainer, the leader of its group and an unreaped child of this process, so its pid stays its own."""

    process: subprocess.Popen[bytes]
    identity: ProcessId
    pidfd: int

    def ended_within(self, seconds: float, wakeup: int) -> bool:
        """As said there; reaps strays meanwhile."""
        ended = readable_within(self.pidfd, wakeup, seconds)
        self._reap_strays()
        return ended

    def signal(self, number: signal.Signals) -> None:
        # Safe by number while the leader is not reaped: no other group can have its id.
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def end(self) -> int:
        """Kills what is left of the group and of everything it started; returns the trainer's return code."""
        self.signal(signal.SIGKILL)
        returncode = self.process.wait()
        os.close(self.pidfd)
        _sweep()
        return returncode

    def _reap_strays(self) -> None:
        """Reaps orphans that ended, and leaves the trainer itself for `end`."""
        with suppress(ChildProcessError):
            while (child := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
                if child.si_pid == self.process.pid:
                    return
                os.waitpid(child.si_pid, 0)


def readable_within(descriptor: int, wakeup: int, seconds: float) -> bool:
    """Waits until one of the two can be read, at most so long; whether it was the first."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.register(wakeup, select.POLLIN)
    return descriptor in dict(poll.poll(max(0.0, seconds) * 1000))


def start_group(
    command: Sequence[str], out: Path, environment: Mapping[str, str], descriptors: Sequence[int]
) -> TrainerGroup:
    """Starts a trainer in a group of its own, with these descriptors inherited and its output appended to a file."""
    with out.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            process_group=0,
            pass_fds=descriptors,
        )
    return TrainerGroup(process, identify(process.pid), os.pidfd_open(process.pid))


def _sweep() -> None:
    """Kills and reaps every remaining descendant. As the subreaper, this process inherits the orphans of each."""
    while True:
        for child in children_of(os.getpid()):
            with suppress(PermissionError):  # what runs as another user is waited for
                os.kill(child, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
