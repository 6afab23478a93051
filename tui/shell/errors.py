"""What is done about errors: the first time they are shown, later they are mentioned, a storm of them ends the app."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from textual.worker import WorkerFailed

_STORM = 20
_STORM_SECONDS = 5.0


@dataclass(slots=True)
class ErrorLedger:
    """`clock` tells seconds."""

    clock: Callable[[], float] = time.monotonic
    _seen: set[tuple[str, ...]] = field(default_factory=set)
    _times: deque[float] = field(default_factory=lambda: deque(maxlen=_STORM))

    def is_new(self, where: tuple[str, ...]) -> bool:
        """Whether an error of this place has not been shown yet."""
        new = where not in self._seen
        self._seen.add(where)
        return new

    def is_storm(self) -> bool:
        """Counts one more; true where so many come that nothing can be read, let alone answered."""
        self._times.append(self.clock())
        return len(self._times) == _STORM and self._times[-1] - self._times[0] < _STORM_SECONDS


def cause_of(error: Exception) -> Exception:
    """What a worker failed of, for Textual's own wrapper of it."""
    inner = getattr(error, "error", None) if isinstance(error, WorkerFailed) else None
    return inner if isinstance(inner, Exception) else error
