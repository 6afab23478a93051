"""Another program that writes into the store, for which whoever asks has to wait: an ingest, a rebuild."""

import os

from workbench.errors import LockedError
from workbench.run.layout import Home
from workbench.run.lock_holders import describe_process, lock_owner

PATIENCE = 2.0  # seconds; most writing takes less, and to name it would only flicker


def writer_at_work(home: Home) -> LockedError | None:
    """None where nobody is known to write: then it is the answer that takes long."""
    try:
        pid = lock_owner(home.database_lock.stat(), "FLOCK", exclusive=True)
    except OSError:
        return None
    if pid is None or pid == os.getpid():
        return None
    return LockedError(f"the store is in use by {describe_process(pid)}", "it is waited for")
