"""The request to stop: SIGTERM asks the loop to finish its step and save."""

import signal


class StopFlag:
    """Set once by SIGTERM; the loop looks at it between steps."""

    def __init__(self) -> None:
        self.requested = False

    def install(self) -> None:
        signal.signal(signal.SIGTERM, self._request)

    def _request(self, _number: int, _frame: object) -> None:
        self.requested = True
