"""`control/`: wishes left as files, and what the shim has made of them.

Every wish names the attempt that it is for: one that an earlier attempt left behind moves nothing.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workbench import atomic
from workbench.run.layout import RunDir

Reason = Literal["user", "pause", "preempted"]
_REASONS: tuple[Reason, ...] = ("user", "pause", "preempted")


@dataclass(frozen=True, slots=True)
class StopWish:
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
    return any(_read(run_dir.control / name, attempt) for name in ("stop", "stopping", "kill"))


def take_stop(run_dir: RunDir, attempt: int) -> StopWish | None:
    """Removes the wish to stop this attempt and returns it; None when there is none. For the shim."""
    raw = _take(run_dir.control / "stop", attempt)
    if raw is None:
        return None
    reason, grace = raw.get("reason"), raw.get("grace")
    return StopWish(
        reason if reason in _REASONS else "user",
        float(grace) if isinstance(grace, int | float) else None,
    )


def take_kill(run_dir: RunDir, attempt: int) -> bool:
    """Removes the wish to kill this attempt; whether there was one. For the shim."""
    return _take(run_dir.control / "kill", attempt) is not None


def mark_stopping(run_dir: RunDir, attempt: int, reason: Reason) -> None:
    """Notes, before the trainer is signalled, that this attempt is being ended and why."""
    run_dir.control.mkdir(exist_ok=True)
    atomic.write_json(run_dir.control / "stopping", {"attempt": attempt, "reason": reason})


def stopping_reason(run_dir: RunDir, attempt: int) -> Reason | None:
    """Why the shim is ending this attempt; None when it is not.

    A trainer that gets SIGTERM without such a note was told to end by somebody outside of the workbench.
    """
    raw = _read(run_dir.control / "stopping", attempt)
    if raw is None:
        return None
    reason = raw.get("reason")
    return reason if reason in _REASONS else "user"


def _take(path: Path, attempt: int) -> dict[str, Any] | None:
    raw = _read(path, attempt)
    if raw is not None:
        path.unlink(missing_ok=True)
    return raw


def _read(path: Path, attempt: int) -> dict[str, Any] | None:
    """A wish for this attempt; one without an attempt, as a person may write it by hand, is for whichever there is."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        raw = json.loads(text or "{}")
    except ValueError:
        raw = {}
    if not isinstance(raw, dict):
        raw = {}
    return raw if raw.get("attempt", attempt) == attempt else None
