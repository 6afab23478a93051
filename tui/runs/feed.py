"""What the Runs screen is fed with: the list, and what the logs of the runs that are looked at have gained."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tui.runs.console import Console, Said
from tui.runs.curves import Point, points_of
from tui.runs.facts import FactBook
from tui.runs.query import ALL, Query
from tui.runs.row import RunRow, in_order, row_of
from workbench.errors import LockedError
from workbench.report.live import at_work_rows
from workbench.run.follow import RunTail
from workbench.run.layout import Home
from workbench.run.liveness import view_of
from workbench.run.schedule import schedule
from workbench.run.states import RunStatus

LIST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Watched:
    """What is looked at: runs whose curves are drawn, the attempt whose output is read, the runs that are listed."""

    drawn: tuple[str, ...] = ()
    output: tuple[str, int] | None = None
    query: Query = ALL


@dataclass(frozen=True, slots=True)
class Listing:
    """All runs of the home, and those of them that the filter lets through."""

    rows: tuple[RunRow, ...]
    shown: tuple[RunRow, ...]
    query: Query


@dataclass(frozen=True, slots=True)
class Batch:
    """What happened since the last one. `listing` is None where it is as it was; `said` is of the `output` run."""

    listing: Listing | None = None
    points: tuple[tuple[str, tuple[Point, ...]], ...] = ()
    output: tuple[str, int] | None = None
    said: Said | None = None

    @property
    def is_empty(self) -> bool:
        return self.listing is None and not self.points and self.said is None


@dataclass(slots=True)
class _Log:
    tail: RunTail
    step: int = 0

    def read(self) -> tuple[Point, ...]:
        points = tuple(points_of(self.tail.read(), self.step))
        self.step = points[-1].step if points else self.step
        return points


@dataclass(slots=True)
class Feed:
    """Reads in a thread of its own; knows no widget. Logs are read onwards from where they were read to."""

    home: Home
    _logs: dict[str, _Log] = field(default_factory=dict)
    _console: tuple[tuple[str, int], Console] | None = None
    _rows: tuple[RunRow, ...] = ()
    _listing: Listing | None = None
    _listed_at: float | None = None
    _facts: FactBook = field(init=False)

    def __post_init__(self) -> None:
        self._facts = FactBook(self.home)

    def read(self, watched: Watched, now: float | None = None) -> Batch:
        """What is new; `now` is a monotonic clock in seconds. The list is told at most once a second."""
        at = time.monotonic() if now is None else now
        if self._listed_at is None or at - self._listed_at >= LIST_SECONDS:
            self._listed_at = at  # before the reading: where it fails, it is tried again in a second
            self._rows = self._list()
        before = self._listing
        if before is None or before.rows != self._rows or before.query != watched.query:
            shown = self._facts.fitting(self._rows, watched.query)
            self._listing = Listing(self._rows, shown, watched.query)
        changed = self._listing if self._listing is not before else None
        return Batch(changed, self._points(watched.drawn), watched.output, self._said(watched.output))

    def list_now(self) -> None:
        """The next reading tells the list anew: something was asked of a run."""
        self._listed_at = None

    def _list(self) -> tuple[RunRow, ...]:
        from workbench.cli.run_list import listed_runs

        with suppress(LockedError, OSError):  # whoever looks also schedules
            schedule(self.home, patience=0.0)
        listed = listed_runs(self.home)
        unfinished = [row["run_id"] for row in listed if not RunStatus(row["status"]).is_over]
        work = {row["run_id"]: row for row in at_work_rows([self.home.run_dir(run_id) for run_id in unfinished])}
        return in_order([row_of(row, work.get(row["run_id"]), self._silence(row)) for row in listed])

    def _silence(self, row: dict[str, object]) -> float | None:
        """Whole minutes are shown, so no more is told: the list changes no more often for it."""
        if row["status"] != RunStatus.STALLED:
            return None
        last = view_of(self.home.run_dir(str(row["run_id"]))).last_event_t
        return None if last is None else 60.0 * ((time.time() - last) // 60)

    def _points(self, drawn: Sequence[str]) -> tuple[tuple[str, tuple[Point, ...]], ...]:
        self._logs = {run_id: self._logs.get(run_id) or self._log(run_id) for run_id in drawn}
        found = ((run_id, log.read()) for run_id, log in self._logs.items())
        return tuple((run_id, points) for run_id, points in found if points)

    def _log(self, run_id: str) -> _Log:
        return _Log(RunTail(self.home.run_dir(run_id)))

    def _said(self, output: tuple[str, int] | None) -> Said | None:
        if output is None:
            self._console = None
            return None
        if self._console is None or self._console[0] != output:
            run_id, attempt = output
            self._console = (output, Console(self.home.run_dir(run_id).out(attempt)))
        return self._console[1].read()
