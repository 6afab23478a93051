"""The request to stop: SIGTERM asks the loop to finish its step and save."""

import signal
from collections.abc import Callable

from workbench.run.control import Reason


class StopRequestedError(Exception):
    """Work that is given up because a stop was asked for."""


class StopFlag:
    """Set once by SIGTERM; the loop looks at it between steps, an evaluation between batches.

    `note` tells why the shim is ending the attempt. The shim writes that down before it signals, so a signal that comes
    without it is from outside of the workbench: `reason` is `preempted` then.
    """

    def __init__(self, note: Callable[[], Reason | None] = lambda: None) -> None:
        self.requested = False
        self.reason: Reason = "user"
        self._note = note

    def install(self) -> None:
        signal.signal(signal.SIGTERM, self._request)

    def _request(self, _number: int, _frame: object) -> None:
        # Looked up now, and by the first signal alone: a note that is written later is about another wish.
        if not self.requested:
            self.reason, self.requested = self._note() or "preempted", True
