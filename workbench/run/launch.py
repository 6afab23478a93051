"""Starting, watching and stopping runs. What a launcher starts is always the shim's command."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from workbench.run.handoff import Handoff
from workbench.run.layout import RunDir
from workbench.run.liveness import RunStatus, status_of
from workbench.run.proc import read_proc
from workbench.run.process import ProcessId, identify, is_alive, signal_process
from workbench.run.slots import Lease, Slot

SHIM_COMMAND = (sys.executable, "-P", "-m", "workbench.run.shim")


@dataclass(frozen=True, slots=True)
class RunHandle:
    """A started run and its shim."""

    run_dir: RunDir
    shim: ProcessId


class Launcher(Protocol):
    """Where runs are started: this machine, or another one."""

    def capacity(self) -> Sequence[Slot]:
        """The slots there are, free or not."""

    def submit(self, run_dir: RunDir, lease: Lease, threads: int, attempt: int) -> RunHandle:
        """Starts this attempt of a run, unless another program is quicker; then that one's attempt is the run's.

        The lease passes to the run and is closed here, whatever happens.
        """

    def status(self, handle: RunHandle) -> RunStatus:
        """The state of the run; `running` from the moment it was submitted."""

    def stop(self, handle: RunHandle) -> bool:
        """Asks the run to save and stop, the second time kills it; False when nobody was there to be asked."""

    def fetch(self, run_dir: RunDir) -> RunDir:
        """The run's directory on this machine, brought here when it ran elsewhere."""


class LocalLauncher:
    """Runs on this machine, each under a shim that outlives the program that started it."""

    def __init__(self, slots: Sequence[Slot], shim_command: Sequence[str] = SHIM_COMMAND) -> None:
        self._slots, self._shim_command = tuple(slots), tuple(shim_command)
        # Kept to be reaped: a shim that ended stays a zombie until its parent asks.
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def capacity(self) -> Sequence[Slot]:
        return self._slots

    def submit(self, run_dir: RunDir, lease: Lease, threads: int, attempt: int) -> RunHandle:
        """Starts a shim in a session of its own, its output appended to `shim.log` in the run's directory."""
        handoff = Handoff(lease.slot.label, lease.descriptor, threads, attempt, command=shlex.join(sys.argv))
        try:
            with (run_dir.path / "shim.log").open("ab") as output:
                child = subprocess.Popen(
                    [*self._shim_command, str(run_dir.path)],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **run_environment(lease.slot, threads), **handoff.environment()},
                    start_new_session=True,
                    pass_fds=handoff.descriptors,
                )
        finally:
            lease.close()
        self._children[child.pid] = child
        return RunHandle(run_dir, identify(child.pid))

    def status(self, handle: RunHandle) -> RunStatus:
        self._reap()
        shim_alive = is_alive(handle.shim)
        status = status_of(handle.run_dir)
        # Until the shim has taken the lock, the files tell of an earlier attempt, or of none.
        return RunStatus.RUNNING if shim_alive and not status.is_live else status

    def stop(self, handle: RunHandle) -> bool:
        """SIGTERM to the shim; to the trainer itself where that lost its shim."""
        if signal_process(handle.shim, signal.SIGTERM):
            return True
        proc = read_proc(handle.run_dir)
        return proc is not None and proc.trainer is not None and signal_process(proc.trainer, signal.SIGTERM)

    def fetch(self, run_dir: RunDir) -> RunDir:
        return run_dir

    def find(self, run_dir: RunDir) -> RunHandle | None:
        """The handle of a run that any program started here, None when it never was."""
        proc = read_proc(run_dir)
        return RunHandle(run_dir, proc.shim) if proc else None

    def _reap(self) -> None:
        self._children = {pid: child for pid, child in self._children.items() if child.poll() is None}


def run_environment(slot: Slot, threads: int) -> dict[str, str]:
    """The variables of a run in this slot: its device, its threads, and no network, as models are local folders."""
    return {
        **slot.environment,
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
    }
