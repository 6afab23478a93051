"""Starting, watching and stopping runs. What a launcher starts is always the shim's command."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from workbench.run import locks, slots
from workbench.run.control import Reason, request_kill, request_stop, stop_is_asked
from workbench.run.handoff import Handoff, outer_environment
from workbench.run.layout import Home, RunDir
from workbench.run.liveness import status_of, view_of
from workbench.run.logs import latest_attempt
from workbench.run.slots import Lease, Slot
from workbench.run.states import RunStatus

SHIM_COMMAND = (sys.executable, "-P", "-m", "workbench.run.shim")


@dataclass(frozen=True, slots=True)
class Need:
    """What an attempt takes: how many slots of a device it may choose from, threads, and estimated peak bytes.

    `command` is what the person ran and `folder` where; the home stands in for a folder that is gone.
    """

    attempt: int
    jobs: int = 1
    threads: int = 1
    memory_bytes: int = 0
    command: str = ""
    folder: str = ""


@dataclass(frozen=True, slots=True)
class RunHandle:
    """A run that was submitted. Plain values, so that another program can go on with it."""

    run_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many runs can be at work at once, and how many more right now."""

    slots: int
    free: int


class Launcher(Protocol):
    """Where runs are started: this machine, or another one. It may be slow and need remember nothing.

    Any two programs, and any two instances in one, may use it for the same runs.
    """

    def capacity(self, jobs: int) -> Capacity:
        """What there is for runs that may choose from so many slots."""

    def submit(self, run_dir: RunDir, need: Need) -> RunHandle | None:
        """Starts this attempt of a run; None when there is no room now.

        An attempt that was submitted before, by anyone, is not started twice: its handle is returned. One whose
        trainer lost its supervisor is supervised again.
        """

    def status(self, handle: RunHandle) -> RunStatus:
        """The state of the run; live from the moment it was submitted until its attempt is over."""

    def stop(self, handle: RunHandle, reason: Reason = "user", grace: float | None = None) -> bool:
        """Asks the attempt to save and end within `grace` seconds, the second time kills it.

        False when it is over already.
        """

    def fetch(self, run_dir: RunDir) -> RunDir:
        """The run's directory on this machine, with all that it logged by now."""


_children: list[subprocess.Popen[bytes]] = []


class LocalLauncher:
    """Runs of one home on this machine, each under a shim that outlives the program that started it."""

    def __init__(
        self,
        home: Home,
        slots_for: Callable[[int], Sequence[Slot]] = slots.machine_slots,
        shim_command: Sequence[str] = SHIM_COMMAND,
    ) -> None:
        self._home, self._slots_for, self._shim_command = home, slots_for, tuple(shim_command)

    def capacity(self, jobs: int) -> Capacity:
        found = self._slots_for(jobs)
        return Capacity(len(found), sum(not locks.is_held(slot.lock_file(self._home)) for slot in found))

    def submit(self, run_dir: RunDir, need: Need) -> RunHandle | None:
        """As said there. The shim's lock is taken here and inherited by it, so that no moment is without a holder."""
        handle = RunHandle(run_dir.run_id, need.attempt)
        own = locks.take(run_dir.shim_lock)
        if own is None:
            return handle
        try:
            if locks.is_held(run_dir.alive_lock):
                self._spawn(run_dir, Handoff(shim_fd=own, adopt=True), need.folder)
            elif latest_attempt(run_dir) < need.attempt:
                lease = slots.acquire(self._home, self._slots_for(need.jobs))
                if lease is None:
                    return None
                self._begin(run_dir, need, own, lease)
            return handle
        finally:
            os.close(own)

    def status(self, handle: RunHandle) -> RunStatus:
        """As said there. Until the shim has begun the attempt, the files tell of the one before."""
        run_dir = self._home.run_dir(handle.run_id)
        view = view_of(run_dir)
        if view.attempt >= handle.attempt:
            return view.status
        return RunStatus.STARTING if locks.is_held(run_dir.shim_lock) else status_of(run_dir)

    def stop(self, handle: RunHandle, reason: Reason = "user", grace: float | None = None) -> bool:
        """As said there; a trainer without a shim gets one, which then does it."""
        run_dir = self._home.run_dir(handle.run_id)
        view = view_of(run_dir)
        if not view.status.is_live or view.attempt > handle.attempt:
            return False
        if stop_is_asked(run_dir, handle.attempt):
            request_kill(run_dir, handle.attempt)
        else:
            request_stop(run_dir, handle.attempt, reason, grace)
        if view.status is RunStatus.UNSUPERVISED:
            self.submit(run_dir, Need(handle.attempt))
        return True

    def fetch(self, run_dir: RunDir) -> RunDir:
        return run_dir

    def _begin(self, run_dir: RunDir, need: Need, own: int, lease: Lease) -> None:
        try:
            handoff = Handoff(
                slot=lease.slot.label,
                slot_fd=lease.descriptor,
                shim_fd=own,
                threads=need.threads,
                attempt=need.attempt,
                memory_bytes=need.memory_bytes,
                command=need.command,
            )
            self._spawn(run_dir, handoff, need.folder)
        finally:
            lease.close()

    def _spawn(self, run_dir: RunDir, handoff: Handoff, folder: str) -> None:
        """Starts a shim in a session of its own, its output appended to `shim.log` in the run's directory."""
        # Asked for their exit codes, or they would stay zombies as long as this program lives.
        _children[:] = [child for child in _children if child.poll() is None]
        with (run_dir.path / "shim.log").open("ab") as output:
            child = subprocess.Popen(
                [*self._shim_command, str(run_dir.path)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Not this program's: it may have been started for other runs, from a folder that is gone by now.
                cwd=folder if os.path.isdir(folder) else self._home.path,
                env={**outer_environment(os.environ), **handoff.environment()},
                start_new_session=True,
                pass_fds=handoff.descriptors,
            )
        _children.append(child)
