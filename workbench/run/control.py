"""`control/`: wishes left as files, and what the shim has made of them.

Every wish names the attempt that it is for: one that an earlier attempt left behind moves nothing.
"""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

from workbench import atomic
from workbench.run.layout import RunDir

Reason = Literal["user", "pause", "preempted"]
_REASONS: tuple[Reason, ...] = ("user", "pause", "preempted")


class StopWish(NamedTuple):
    """A wish to end an attempt. `grace`: seconds until the trainer is killed, None for the shim's own."""

    reason: Reason
    grace: float | None


def request_stop(run_dir: RunDir, attempt: int, reason: Reason = "user", grace: float | None = None) -> None:
    """Asks the shim to have the trainer save and end."""
    run_dir.control.mkdir(exist_ok=True)
    atomic.write_json(run_dir.control / "stop", {"attempt": attempt, "reason": reason, "grace": grace})


def request_kill(run_dir: RunDir, attempt: int) -> None:
    """Asks the shim to kill the trainer at once."""
    run_dir.control.mkdir(exist_ok=True)
    atomic.write_json(run_dir.control / "kill", {"attempt": attempt})


def stop_is_asked(run_dir: RunDir, attempt: int) -> bool:
    """Whether a stop of this attempt was asked for, taken up by the shim or not."""
    return stop_reason(run_dir, attempt) is not None


def stop_reason(run_dir: RunDir, attempt: int) -> Reason | None:
    """Why this attempt is to end, taken up by the shim or not; None when nobody asked for it."""
    folder = run_dir.control
    wishes = (_read(f"{folder}/{name}", attempt) for name in ("stop", "stopping", "kill"))
    return next((_reason(raw) for raw in wishes if raw is not None), None)


def take_stop(run_dir: RunDir, attempt: int) -> StopWish | None:
    """Takes up the wish to stop this attempt; None when there is none that is not taken up yet. For the shim.

    The wish becomes the note that the attempt is being ended, in one step: a shim that is killed here loses nothing.
    """
    raw = _read(run_dir.control / "stop", attempt)
    if raw is None:
        return None
    with suppress(FileNotFoundError):  # the run's folder was removed meanwhile
        os.replace(run_dir.control / "stop", run_dir.control / "stopping")
    grace = raw.get("grace")
    return StopWish(_reason(raw), float(grace) if isinstance(grace, int | float) else None)


def renew_stop(run_dir: RunDir, attempt: int) -> None:
    """Makes a wish again of the note that a killed shim left. For the shim that takes over its trainer."""
    if stopping_reason(run_dir, attempt) and _read(run_dir.control / "stop", attempt) is None:
        os.replace(run_dir.control / "stopping", run_dir.control / "stop")


def take_kill(run_dir: RunDir, attempt: int) -> bool:
    """Removes the wish to kill this attempt; whether there was one. For the shim."""
    path = run_dir.control / "kill"
    if _read(path, attempt) is None:
        return False
    path.unlink(missing_ok=True)
    return True


def mark_stopping(run_dir: RunDir, attempt: int, reason: Reason, grace: float | None = None) -> None:
    """Notes, before the trainer is signalled, that this attempt is being ended and why."""
    run_dir.control.mkdir(exist_ok=True)
    atomic.write_json(run_dir.control / "stopping", {"attempt": attempt, "reason": reason, "grace": grace})


def stopping_reason(run_dir: RunDir, attempt: int) -> Reason | None:
    """Why the shim is ending this attempt; None when it is not.

    A trainer that gets SIGTERM without such a note was told to end by somebody outside of the workbench.
    """
    raw = _read(run_dir.control / "stopping", attempt)
    return None if raw is None else _reason(raw)


def _reason(raw: dict[str, Any]) -> Reason:
    reason = raw.get("reason")
    return reason if reason in _REASONS else "user"


def _read(path: str | Path, attempt: int) -> dict[str, Any] | None:
    """A wish for this attempt; one without an attempt, as a person may write it by hand, is for whichever there is."""
    try:
        with open(path, "rb") as file:
            text = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        raw = json.loads(text or "{}")
    except ValueError:
        raw = {}
    if not isinstance(raw, dict):
        raw = {}
    return raw if raw.get("attempt", attempt) == attempt else None
