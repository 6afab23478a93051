"""The rows of the list. Those of runs that are over are told anew only when something can have happened to one."""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tui.runs.row import RunRow, in_order, row_of
from workbench.errors import LockedError
from workbench.report.live import at_work_rows
from workbench.run.layout import Home
from workbench.run.liveness import view_of
from workbench.run.schedule import schedule
from workbench.run.states import RunStatus

# A run that is over is taken up by its shim without any of the watched folders changing, if it never was in the queue.
_WHOLE_SECONDS = 5.0
LOCKED_SECONDS = 2.0


@dataclass(slots=True)
class Lister:
    """Asks for all runs where one has come, gone, ended or been queued, and every five seconds; else for those at work.

    `locked`: who held the store when all were asked for last, so that new results were left out.
    To see that nothing happened to a thousand runs takes 40 ms, to look at eight that are at work half of that.
    """

    home: Home
    locked: LockedError | None = None
    _listed: Sequence[Mapping[str, Any]] = ()
    _rows: dict[str, RunRow] = field(default_factory=dict)
    _folders: tuple[int, ...] | None = None
    _whole_at: float = 0.0

    def rows(self, now: float) -> tuple[RunRow, ...]:
        """All runs now, those at work first; `now` is a monotonic clock in seconds. Raises WorkbenchError, OSError."""
        with suppress(LockedError, OSError):  # whoever looks also schedules
            schedule(self.home, patience=0.0)
        folders = self._marks()
        work = self._at_work()
        ended = any(row["over"] for row in work.values()) or len(work) != self._unfinished
        patience = LOCKED_SECONDS if self.locked else _WHOLE_SECONDS
        if folders != self._folders or ended or now - self._whole_at >= patience:
            self._list()
            work = self._at_work()
            self._folders, self._whole_at = folders, now
        self._rows |= {
            run_id: row_of(row, work.get(run_id), self._silence(work.get(run_id)))
            for row in self._listed
            if (run_id := str(row["run_id"])) not in self._rows or not self._rows[run_id].over
        }
        return in_order([self._rows[str(row["run_id"])] for row in self._listed])

    def _list(self) -> None:
        from workbench.cli.run_list import listed_runs

        self.locked = None
        self._listed = listed_runs(self.home, self._is_held)
        self._rows = {}

    def _is_held(self, error: LockedError) -> None:
        self.locked = error

    @property
    def _unfinished(self) -> int:
        return sum(not RunStatus(row["status"]).is_over for row in self._listed)

    def _at_work(self) -> dict[str, dict[str, Any]]:
        unfinished = [row["run_id"] for row in self._listed if not RunStatus(row["status"]).is_over]
        return {row["run_id"]: row for row in at_work_rows([self.home.run_dir(run_id) for run_id in unfinished])}

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


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0
