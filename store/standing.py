"""What can be told of the database without opening it: how large, how fresh, held by whom."""

import time
from contextlib import suppress
from dataclasses import dataclass

from workbench.run.layout import Home
from workbench.run.lock_holders import describe_process, lock_owner
from workbench.run.process import boot_id


@dataclass(frozen=True, slots=True)
class Standing:
    """`file_bytes` counts the database file and its write-ahead log.

    `up_to_date` is when it last had all that the logs held (Unix seconds), None when that is not known. `held_by` names
    a process that has the file open, as `pid N (command)`, None when there is none or the system does not tell.
    """

    file_bytes: int
    up_to_date: float | None
    held_by: str | None


def standing(home: Home) -> Standing:
    """How the database stands now; it may be absent, damaged or locked."""
    if not home.database.exists():
        return Standing(0, None, None)
    holder = lock_owner(home.database.stat(), "POSIX")
    marked = home.database_lock.stat().st_mtime if home.database_lock.exists() else None
    return Standing(file_bytes(home), marked, describe_process(holder) if holder else None)


def file_bytes(home: Home) -> int:
    """The bytes of the database file and of its write-ahead log, 0 where there is none."""
    files = (home.database, home.database.with_name(home.database.name + ".wal"))
    return sum(path.stat().st_size for path in files if path.exists())


def moment() -> str:
    """Now, by the clock that nobody can set and that all processes share: texts of one boot compare as times do."""
    return f"{boot_id()} {time.monotonic_ns():020d}"


def mark_up_to_date(home: Home, since: str) -> None:
    """Notes in the side lock's file, for the caller that holds it, that the logs were read to where they were then.

    In the database the note would cost a commit.
    """
    with suppress(PermissionError):  # another user's file in a shared home: only the note is lost
        home.database_lock.write_text(since, encoding="ascii")


def was_read_after(home: Home, since: str) -> bool:
    """Whether another process has read all that the logs held at that moment, for the caller that holds the lock."""
    noted = home.database_lock.read_text(encoding="ascii", errors="replace")
    return home.database.is_file() and noted.split(" ")[0] == since.split(" ")[0] and noted > since
