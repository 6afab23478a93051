"""What the launcher tells the shim, and the shim the trainer, by environment variables."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ATTEMPT = "WORKBENCH_ATTEMPT"
RUN = "WORKBENCH_RUN"  # set for the trainer alone, and so for all that it starts: they are found by it
_SLOT = "WORKBENCH_SLOT"
_SLOT_FD = "WORKBENCH_SLOT_FD"
_SHIM_FD = "WORKBENCH_SHIM_FD"
_ADOPT = "WORKBENCH_ADOPT"
_THREADS = "WORKBENCH_THREADS"
_MEMORY = "WORKBENCH_MEMORY"
_GRACE = "WORKBENCH_GRACE"
_COMMAND = "WORKBENCH_COMMAND"
_DEVICES = "WORKBENCH_DEVICES"  # what CUDA_VISIBLE_DEVICES was before it came to name the slot's device alone
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_OF_ONE_RUN = (ATTEMPT, RUN, _SLOT, _SLOT_FD, _SHIM_FD, _ADOPT, _THREADS, _MEMORY, _COMMAND)
_DESCRIPTORS = (_SLOT_FD, _SHIM_FD)

DEFAULT_GRACE = 60.0


@dataclass(frozen=True, slots=True)
class Handoff:
    """A shim's terms. `grace`: seconds between asking the trainer to stop and killing it.

    `slot_fd` is the descriptor of the slot's lease, which shim and trainer keep open; `shim_fd` that of the run's
    `shim.lock`, which the launcher took for the shim; `attempt` the one to begin, if no other shim has begun it by then
    (None: whichever is next); `adopt`: begin none, but look after the trainer that lost its shim; `memory_bytes` the
    estimated peak; `command` what the person ran.
    """

    slot: str | None = None
    slot_fd: int | None = None
    shim_fd: int | None = None
    threads: int | None = None
    attempt: int | None = None
    adopt: bool = False
    memory_bytes: int = 0
    grace: float = DEFAULT_GRACE
    command: str = ""

    def environment(self) -> dict[str, str]:
        """The variables that carry this to a shim. The grace is the person's own variable and passes by itself."""
        named = {
            _SLOT: self.slot,
            _SLOT_FD: self.slot_fd,
            _SHIM_FD: self.shim_fd,
            _THREADS: self.threads,
            ATTEMPT: self.attempt,
            _ADOPT: 1 if self.adopt else None,
            _MEMORY: self.memory_bytes or None,
            _COMMAND: self.command or None,
        }
        return {name: str(value) for name, value in named.items() if value is not None}

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Those that a shim inherits."""
        return tuple(found for found in (self.slot_fd, self.shim_fd) if found is not None)


def read_handoff(environment: Mapping[str, str]) -> Handoff:
    """Reads the variables. Raises ValueError for a number that is none."""
    return Handoff(
        slot=environment.get(_SLOT),
        slot_fd=_number(environment, _SLOT_FD),
        shim_fd=_number(environment, _SHIM_FD),
        threads=_number(environment, _THREADS),
        attempt=_number(environment, ATTEMPT),
        adopt=bool(environment.get(_ADOPT)),
        memory_bytes=_number(environment, _MEMORY) or 0,
        grace=float(environment.get(_GRACE) or DEFAULT_GRACE),
        command=environment.get(_COMMAND, ""),
    )


def outer_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without what was handed to one run: for whatever is started beside it, with every device."""
    outer = {name: value for name, value in environment.items() if name not in (*_OF_ONE_RUN, _DEVICES)}
    if (before := environment.get(_DEVICES)) is not None:
        outer.pop(_VISIBLE, None)
        outer |= json.loads(before)
    return outer


def trainer_environment(run_dir: Path, attempt: int) -> dict[str, str]:
    """The environment of the trainer: the shim's own, the run, and the number of the attempt."""
    # A descriptor's number means nothing to whatever the trainer starts.
    inherited = {name: value for name, value in os.environ.items() if name not in _DESCRIPTORS}
    before = {name: value for name, value in inherited.items() if name == _VISIBLE}
    return {**inherited, **attempt_variables(run_dir, attempt), _DEVICES: json.dumps(before)}


def attempt_variables(run_dir: Path, attempt: int) -> dict[str, str]:
    """What every process of an attempt has in its environment, and no other process has.

    By the folder's one real path: who looks for them may know the home by another name.
    """
    return {RUN: os.path.realpath(run_dir), ATTEMPT: str(attempt)}


def _number(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name)
    return int(text) if text else None
