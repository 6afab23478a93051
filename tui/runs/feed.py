"""What the Runs screen is fed with: the list, and what the logs of the runs that are looked at have gained."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tui.runs.console import Console, Said
from tui.runs.curves import Point, points_of
from tui.runs.facts import FactBook
from tui.runs.lister import Lister
from tui.runs.query import ALL, Query
from tui.runs.row import RunRow
from workbench.errors import LockedError
from workbench.run.follow import RunTail
from workbench.run.layout import Home

LIST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Watched:
    """What is looked at: runs whose curves are drawn, the attempt whose output is read, the runs that are listed."""

    drawn: tuple[str, ...] = ()
    output: tuple[str, int] | None = None
    query: Query = ALL


@dataclass(frozen=True, slots=True)
class Listing:
    """All runs of the home, and those of them that the filter lets through; `locked`: who holds the store, and after
    how many seconds at most it is noticed that nobody does.
    """

    rows: tuple[RunRow, ...]
    shown: tuple[RunRow, ...]
    query: Query
    locked: LockedError | None = None
    retry_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Batch:
    """What happened since the last one. `listing` is None where it is as it was; `said` is of the `output` run.

    `heard`: when the runs of `points` logged their newest event, in Unix seconds.
    """

    listing: Listing | None = None
    points: tuple[tuple[str, tuple[Point, ...]], ...] = ()
    output: tuple[str, int] | None = None
    said: Said | None = None
    heard: tuple[tuple[str, float], ...] = ()

    @property
    def is_empty(self) -> bool:
        return self.listing is None and not self.points and self.said is None


@dataclass(slots=True)
class _Log:
    tail: RunTail
    step: int = 0
    heard: float = 0.0

    def read(self) -> tuple[Point, ...]:
        events = self.tail.read()
        points = tuple(points_of(events, self.step))
        self.step = points[-1].step if points else self.step
        self.heard = max([self.heard, *(float(event["t"]) for event in events if "t" in event)])
        return points


@dataclass(slots=True)
class ListFeed:
    """Tells the list, at most once a second. For a thread of its own: where the store is held, it waits for it."""

    home: Home
    _listed: tuple[RunRow, ...] = ()
    _rows: tuple[RunRow, ...] = ()
    _listing: Listing | None = None
    _listed_at: float | None = None
    _facts: FactBook = field(init=False)
    _lister: Lister = field(init=False)

    def __post_init__(self) -> None:
        self._lister = Lister(self.home)
        self._facts = FactBook(self.home)

    def read(self, watched: Watched, now: float | None = None) -> Batch:
        """The list if it is another; `now` is a monotonic clock in seconds. Raises WorkbenchError, OSError."""
        at = time.monotonic() if now is None else now
        is_due = self._listed_at is None or at - self._listed_at >= LIST_SECONDS
        if is_due:
            self._listed_at = at  # before the reading: where it fails, it is tried again in a second
            self._listed = self._lister.rows(at)
            self._facts.try_again()
        if is_due or self._facts.is_behind:
            self._rows = self._facts.named(self._listed)
        before, locked = self._listing, self._lister.locked
        if before is None or before.rows != self._rows or before.query != watched.query or before.locked is not locked:
            shown = self._facts.fitting(self._rows, watched.query)
            self._listing = Listing(self._rows, shown, watched.query, locked, self._lister.retry_seconds)
        return Batch(self._listing if self._listing is not before else None)

    def list_now(self) -> None:
        """The next reading tells the list anew: something was asked of a run."""
        self._listed_at = None
        self._lister.ask_again()


@dataclass(slots=True)
class LogFeed:
    """Reads logs and outputs onwards from where they were read to. For a thread of its own."""

    home: Home
    _logs: dict[str, _Log] = field(default_factory=dict)
    _console: tuple[tuple[str, int], Console] | None = None

    def read(self, watched: Watched) -> Batch:
        """What the runs that are looked at have written since the last reading. Raises OSError."""
        points = self._points(watched.drawn)
        heard = tuple((run_id, self._logs[run_id].heard) for run_id, _ in points)
        return Batch(None, points, watched.output, self._said(watched.output), heard)

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
