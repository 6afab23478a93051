"""The rows of the list. Those of runs that are over are told anew only when something can have happened to one."""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tui.aside import listed_aside
from tui.patience import Patience
from tui.runs.row import RunRow, in_order, row_of
from workbench.errors import LockedError
from workbench.report.live import at_work_rows
from workbench.run.layout import Home
from workbench.run.liveness import view_of
from workbench.run.schedule import schedule
from workbench.run.states import RunStatus

# A run that is over is taken up by its shim without any of the watched folders changing, if it never was in the queue.
_WHOLE_SECONDS = 5.0


@dataclass(slots=True)
class Lister:
    """Asks for all runs where one has come, gone, ended or been queued, or its folder was written into; else for those
    at work. A row stays the very same object while nothing has happened to its run.

    `locked`: who held the store when all were asked for last, so that new results were left out.
    """

    home: Home
    locked: LockedError | None = None
    _listed: Sequence[Mapping[str, Any]] = ()
    _unfinished: Sequence[str] = ()
    _rows: dict[str, RunRow] = field(default_factory=dict)
    _marks_before: tuple[int, ...] | None = None
    _folders: dict[str, int] = field(default_factory=dict)
    _whole_at: float = 0.0
    _patience: Patience = field(init=False)

    def __post_init__(self) -> None:
        self._patience = Patience(self.home)

    @property
    def retry_seconds(self) -> float:
        """How long it takes at most until it is noticed that a store that was held is free."""
        return self._patience.seconds

    def ask_again(self) -> None:
        """A store that was held is asked with the next rows."""
        self._patience.reset()

    def rows(self, now: float) -> tuple[RunRow, ...]:
        """All runs now, those at work first; `now` is a monotonic clock in seconds. Raises WorkbenchError, OSError."""
        with suppress(LockedError, OSError):  # whoever looks also schedules
            schedule(self.home, patience=0.0)
        marks = self._marks()
        work = self._at_work()
        ended = any(row["over"] for row in work.values()) or len(work) != len(self._unfinished)
        if marks != self._marks_before or ended or self._is_due(now):
            self._list(now)
            work = self._at_work()
            self._marks_before, self._whole_at = marks, now
        self._rows |= {
            run_id: row_of(row, work.get(run_id), self._silence(work.get(run_id)))
            for row in self._listed
            if (run_id := str(row["run_id"])) not in self._rows or not self._rows[run_id].over
        }
        return in_order([self._rows[str(row["run_id"])] for row in self._listed])

    def _is_due(self, now: float) -> bool:
        """Whether to ask for all again though no run came, went or was queued: where the store was held, or a run that
        is over was taken up, renamed or tagged. To look for that takes 3 ms of a thousand runs, to list them 40.
        """
        if self.locked:
            return self._patience.is_due(now)
        if now - self._whole_at < _WHOLE_SECONDS:
            return False
        self._whole_at = now
        return _folders(str(self.home.runs)) != self._folders

    def _list(self, now: float) -> None:
        folders, before = _folders(str(self.home.runs)), {row["run_id"]: row for row in self._listed}
        held: list[LockedError] = []
        self._listed = listed_aside(self.home, held.append)
        self.locked = held[0] if held else None
        self._patience.asked(now, in_vain=bool(held))
        self._rows = {
            run_id: self._rows[run_id]
            for row in self._listed
            if (run_id := row["run_id"]) in self._rows
            and row == before.get(run_id)
            and folders.get(run_id) == self._folders.get(run_id)
        }
        self._folders = folders
        self._unfinished = [row["run_id"] for row in self._listed if not RunStatus(row["status"]).is_over]

    def _at_work(self) -> dict[str, dict[str, Any]]:
        run_dirs = [self.home.run_dir(run_id) for run_id in self._unfinished]
        return {row["run_id"]: row for row in at_work_rows(run_dirs)}

    def _marks(self) -> tuple[int, ...]:
        """When a run came or went last, and when something was queued or started."""
        queue = self.home.queue
        return tuple(_changed(str(path)) for path in (self.home.runs, queue / "waiting", queue / "started"))

    def _silence(self, row: Mapping[str, Any] | None) -> float | None:
        """Whole minutes are shown, so no more is told: the list changes no more often for it."""
        if row is None or row["status"] != RunStatus.STALLED:
            return None
        last = view_of(self.home.run_dir(str(row["run_id"]))).last_event_t
        return None if last is None else 60.0 * ((time.time() - last) // 60)


def _folders(path: str) -> dict[str, int]:
    """When something was written into the folder of each run last."""
    try:
        with os.scandir(path) as found:
            return {entry.name: entry.stat().st_mtime_ns for entry in found}
    except OSError:
        return {}


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0
