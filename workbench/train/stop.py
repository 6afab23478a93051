"""The request to stop: SIGTERM asks the loop to finish its step and save."""

import signal


class StopRequestedError(Exception):
    """Work that is given up because a stop was asked for."""


class StopFlag:
    """Set once by SIGTERM; the loop looks at it between steps, an evaluation between batches."""

    def __init__(self) -> None:
        self.requested = False

    def install(self) -> None:
        signal.signal(signal.SIGTERM, self._request)

    def _request(self, _number: int, _frame: object) -> None:
        self.requested = True
