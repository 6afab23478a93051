"""Which locks of the home are held, and by whom."""

from collections.abc import Iterator
from pathlib import Path

from workbench.doctor.check import Check, Place
from workbench.doctor.words import several
from workbench.run import locks
from workbench.run.layout import Home
from workbench.run.lock_holders import describe_process, flock_holders

_SHOWN = 20


def check_locks(place: Place) -> Iterator[Check]:
    """A line for every lock that is held: work in progress, or what keeps a slot or a run busy."""
    held = held_locks(place.home)
    holders = flock_holders(held[:_SHOWN])
    for path, pids in holders.items():
        name = str(path.relative_to(place.home.path))
        by = ", ".join(map(describe_process, pids)) or "a process of another user or container"
        yield Check("lock", "ok", f"{name} is held by {by}")
    if len(held) > _SHOWN:
        yield Check("lock", "ok", f"and {len(held) - _SHOWN:,} more are held")
    if not held:
        yield Check("locks", "ok", f"none of {several(len(lock_files(place.home)), 'lock file')} is held")


def held_locks(home: Home) -> list[Path]:
    return [path for path in lock_files(home) if locks.is_held(path)]


def lock_files(home: Home) -> list[Path]:
    """The lock files that are there: of the database, the queue, the slots and the runs."""
    runs = [lock for run in home.run_dirs() for lock in (run.shim_lock, run.alive_lock)]
    slots = sorted(home.slots.glob("*.lock"))
    return [path for path in (home.database_lock, home.queue / "lock", *slots, *runs) if path.exists()]
