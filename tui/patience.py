"""When a store that another program holds is asked again: to ask costs a process of its own in a large home."""

import os
from dataclasses import dataclass

from workbench.run.layout import Home
from workbench.run.lock_holders import lock_owner

FIRST, LONGEST = 2.0, 30.0  # seconds
_Mark = tuple[int, int, int]  # of a file: its number, the time of its last change, its bytes; zeros for none


@dataclass(slots=True)
class Patience:
    """Asks again where the one that held the store has let go, or its file is another one; else after 2, 4, 8 … 30 s.

    Who holds it cannot be seen from everywhere, as from another container. All times are of a monotonic clock.
    """

    home: Home
    _pause: float = FIRST
    _asked_at: float = 0.0
    _looked_at: float = 0.0
    _seen: tuple[int | None, _Mark] | None = None

    @property
    def seconds(self) -> float:
        """How long it takes at most until it is noticed that the store is free."""
        return FIRST if self._seen and self._seen[0] else self._pause

    def asked(self, now: float, in_vain: bool) -> None:
        """The store was asked; in vain where it was held."""
        self._pause = FIRST if self._seen is None else min(LONGEST, 2 * self._pause)
        self._asked_at = self._looked_at = now
        self._seen = self._look() if in_vain else None

    def reset(self) -> None:
        """Somebody wants to know now."""
        self._seen = None

    def is_due(self, now: float) -> bool:
        """Looks at names only, every two seconds, and asks nothing."""
        if self._seen is None or now - self._asked_at >= self._pause:
            return True
        if now - self._looked_at < FIRST:
            return False
        self._looked_at = now
        if self._look() != self._seen:
            self._seen = None
        return self._seen is None

    def _look(self) -> tuple[int | None, _Mark]:
        try:
            found = os.stat(self.home.database)
        except OSError:
            return None, (0, 0, 0)
        return lock_owner(found, "POSIX"), (found.st_ino, found.st_mtime_ns, found.st_size)
