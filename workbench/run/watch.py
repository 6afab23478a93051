"""A shim's long wait: for the trainer's end, and for requests to bring it about."""

import math
import signal
import time
from contextlib import suppress

from workbench.run.control import Reason, mark_stopping
from workbench.run.group import Trainer
from workbench.run.requests import StopRequests

CONTROL_SECONDS = 0.25


def watch(trainer: Trainer, requests: StopRequests, grace: float) -> Reason | None:
    """Waits for the trainer to end and passes on requests to stop; returns the reason of the first, if any.

    The trainer is told by SIGTERM, and killed once the grace (seconds) has passed, or on a second signal, or on a
    request to kill, or when the run's folder is gone. The reason is noted before the trainer is told, which reads it.
    """
    reason: Reason | None = None
    kill_at = math.inf
    while not trainer.ended_within(min(CONTROL_SECONDS, kill_at - time.monotonic()), requests.wakeup):
        asked = requests.take()
        if not requests.run_dir.path.is_dir():  # nothing that the trainer could still save would be found
            kill_at = time.monotonic()
        elif asked.kill or (reason and asked.signals) or asked.signals > 1:
            reason, kill_at = reason or "user", time.monotonic()
        elif asked.stop and reason is None:
            reason = asked.stop.reason
            kill_at = time.monotonic() + (grace if asked.stop.grace is None else asked.stop.grace)
            with suppress(OSError):  # a full disk: it stops all the same, and takes it for somebody else's wish
                mark_stopping(requests.run_dir, requests.attempt, reason, asked.stop.grace)
            trainer.signal(signal.SIGTERM)
        if time.monotonic() >= kill_at:
            trainer.signal(signal.SIGKILL)
            kill_at = math.inf
    return reason
