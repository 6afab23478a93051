"""What the launcher tells the shim, and the shim the trainer, by environment variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

_ATTEMPT = "WORKBENCH_ATTEMPT"
_SLOT = "WORKBENCH_SLOT"
_SLOT_FD = "WORKBENCH_SLOT_FD"
_THREADS = "WORKBENCH_THREADS"
_GRACE = "WORKBENCH_GRACE"
_COMMAND = "WORKBENCH_COMMAND"

DEFAULT_GRACE = 60.0


@dataclass(frozen=True, slots=True)
class Handoff:
    """A shim's terms. `grace`: seconds between asking the trainer to stop and killing it.

    `slot_fd` is the descriptor of the slot's lease, which shim and trainer keep open; `attempt` the one to begin, if
    no other shim has begun it by then (None: whichever is next); `command` what the person ran.
    """

    slot: str | None = None
    slot_fd: int | None = None
    threads: int | None = None
    attempt: int | None = None
    grace: float = DEFAULT_GRACE
    command: str = ""

    def environment(self) -> dict[str, str]:
        """The variables that carry this to a shim. The grace is the person's own variable and passes by itself."""
        named = {
            _SLOT: self.slot,
            _SLOT_FD: self.slot_fd,
            _THREADS: self.threads,
            _ATTEMPT: self.attempt,
            _COMMAND: self.command or None,
        }
        return {name: str(value) for name, value in named.items() if value is not None}

    @property
    def descriptors(self) -> tuple[int, ...]:
        return () if self.slot_fd is None else (self.slot_fd,)


def read_handoff(environment: Mapping[str, str]) -> Handoff:
    """Reads the variables. Raises ValueError for a number that is none."""
    return Handoff(
        slot=environment.get(_SLOT),
        slot_fd=_number(environment, _SLOT_FD),
        threads=_number(environment, _THREADS),
        attempt=_number(environment, _ATTEMPT),
        grace=float(environment.get(_GRACE) or DEFAULT_GRACE),
        command=environment.get(_COMMAND, ""),
    )


def trainer_environment(attempt: int) -> dict[str, str]:
    """The environment of the trainer: the shim's own, and the number of the attempt."""
    # A descriptor's number means nothing to whatever the trainer starts.
    inherited = {name: value for name, value in os.environ.items() if name != _SLOT_FD}
    return {**inherited, _ATTEMPT: str(attempt)}


def _number(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name)
    return int(text) if text else None
