"""Tickets: what stands in the queue, a file per run. A run has at most one that waits and one that was started.

`queue/waiting/<run>.json` becomes `queue/started/<run>.json` by a rename when a launcher takes it, and goes when the
attempt is over. Whoever changes anything here holds `queue/lock`.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from workbench import atomic
from workbench.errors import LockedError
from workbench.run import locks
from workbench.run.layout import Home, RunDir
from workbench.run.terms import Terms

VERSION = 1
LOCK_PATIENCE = 20.0


class Ticket(NamedTuple):
    """One attempt that is to be made, and when.

    Higher `priority` goes first, then the lower `seq`: order never depends on a clock. `after` are runs that must have
    finished before. `retries` are still left after this attempt. `jobs` is how many slots of a device it may choose
    from. `batch` names what it was submitted with: a study, or one command. `memory_bytes` is the estimated peak.
    `starts` counts how often a shim was started in vain. `command` is what the person ran, and `folder` where.
    """

    run_id: str
    attempt: int
    seq: int = 0
    priority: int = 0
    after: tuple[str, ...] = ()
    hold: bool = False
    resume: bool = False
    changes: Mapping[str, Any] = {}
    retries: int = 0
    jobs: int = 1
    threads: int = 1
    memory_bytes: int = 0
    batch: str = ""
    starts: int = 0
    command: str = ""
    folder: str = ""
    why: str = ""
    v: int = VERSION

    @property
    def order(self) -> tuple[int, int, str]:
        return (-self.priority, self.seq, self.run_id)

    @property
    def terms(self) -> Terms:
        """What the trainer needs to know of it."""
        return Terms(self.attempt, self.resume, self.changes, self.threads, self.why, self.jobs)


class Tickets(NamedTuple):
    """The tickets of a home. Changing them needs the lock; looking does not, and meets whole files only."""

    home: Home

    @property
    def waiting_folder(self) -> Path:
        return self.home.queue / "waiting"

    @property
    def started_folder(self) -> Path:
        return self.home.queue / "started"

    def waiting(self) -> list[Ticket]:
        """Those that wait, in the order in which they are to be started."""
        return sorted(_all(self.waiting_folder), key=lambda ticket: ticket.order)

    def started(self) -> list[Ticket]:
        """Those whose attempt was started and not yet seen to be over."""
        return sorted(_all(self.started_folder), key=lambda ticket: ticket.order)

    def waiting_of(self, run_id: str) -> Ticket | None:
        return _read(f"{self.waiting_folder}/{run_id}.json")

    def started_of(self, run_id: str) -> Ticket | None:
        return _read(f"{self.started_folder}/{run_id}.json")

    def run_ids(self) -> set[str]:
        """The runs that have a ticket, told from the files' names."""
        names = (name for folder in (self.waiting_folder, self.started_folder) for name in _names(folder))
        return {name.removesuffix(".json") for name in names}

    def next_seq(self) -> int:
        return max((ticket.seq for ticket in (*self.waiting(), *self.started())), default=0) + 1

    def put(self, ticket: Ticket) -> None:
        """Puts a ticket into the queue, in place of the run's waiting one."""
        atomic.write_json(self.waiting_folder / f"{ticket.run_id}.json", ticket._asdict())

    def claim(self, ticket: Ticket) -> None:
        """Moves a waiting ticket to the started ones."""
        os.replace(self.waiting_folder / f"{ticket.run_id}.json", self.started_folder / f"{ticket.run_id}.json")

    def unclaim(self, ticket: Ticket) -> None:
        """Moves a started ticket back to the waiting ones."""
        os.replace(self.started_folder / f"{ticket.run_id}.json", self.waiting_folder / f"{ticket.run_id}.json")

    def drop_waiting(self, run_id: str) -> None:
        (self.waiting_folder / f"{run_id}.json").unlink(missing_ok=True)

    def drop_started(self, run_id: str) -> None:
        (self.started_folder / f"{run_id}.json").unlink(missing_ok=True)


@contextmanager
def queue_lock(home: Home, patience: float = LOCK_PATIENCE) -> Iterator[Tickets]:
    """The tickets, to be changed by this process alone. Raises LockedError, OSError where the home is read only."""
    tickets = Tickets(home)
    for folder in (tickets.waiting_folder, tickets.started_folder):
        folder.mkdir(parents=True, exist_ok=True)
    descriptor = locks.take(home.queue / "lock", patience)
    if descriptor is None:
        raise LockedError(
            f"{home.queue / 'lock'} is held by another process, and stayed so for {patience:g} s",
            "see by which one: workbench doctor",
        )
    try:
        yield tickets
    finally:
        os.close(descriptor)


def is_queued(run_dir: RunDir) -> bool:
    """Whether the run has a ticket that waits."""
    return (Tickets(run_dir.home).waiting_folder / f"{run_dir.run_id}.json").exists()


def _names(folder: Path) -> list[str]:
    with suppress(FileNotFoundError):
        return [name for name in os.listdir(folder) if name.endswith(".json") and not name.startswith(".")]
    return []


def _all(folder: Path) -> Iterator[Ticket]:
    return (ticket for name in _names(folder) if (ticket := _read(f"{folder}/{name}")))


def _read(path: str) -> Ticket | None:
    """A ticket; None when it is gone or cannot be read: tickets are written whole, so that is not our doing."""
    try:
        with open(path, encoding="utf-8") as file:
            raw = json.load(file)
        known = {key: value for key, value in raw.items() if key in Ticket._fields}
        return Ticket(**{**known, "after": tuple(known.get("after", ()))})
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, AttributeError):
        return None
