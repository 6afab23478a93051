"""What the Runs screen is fed with: the list, and what the logs of the runs that are looked at have gained."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

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
    """What is looked at: runs whose curves are drawn, the attempt whose output is read, the runs that are listed.

    `begun` numbers the looks: what was looked away from is forgotten, and read from its start at the next look, even
    where nobody read anything in between.
    """

    drawn: tuple[str, ...] = ()
    output: tuple[str, int] | None = None
    query: Query = ALL
    begun: Mapping[Any, int] = field(default_factory=dict, compare=False)
    number: int = field(default=0, compare=False)

    def after(self, before: "Watched") -> "Watched":
        """The same, looked at after `before`: what was looked at already goes on."""
        number = before.number + 1
        begun = {one: before.begun.get(one, number) for one in (*self.drawn, self.output)}
        return replace(self, begun=begun, number=number)

    def goes_on(self, other: "Watched", one: Any) -> bool:
        """Whether a run or an attempt's output is looked at as it was in the other, without a break."""
        return self.begun.get(one) == other.begun.get(one)


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
    """What happened since the last one. `listing` is None where it is as it was; the rest is of what was `watched`.

    `heard`: when the runs of `points` logged their newest event, in Unix seconds.
    """

    listing: Listing | None = None
    points: tuple[tuple[str, tuple[Point, ...]], ...] = ()
    watched: Watched = Watched()
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
    _before: Watched = field(default_factory=Watched)
    _logs: dict[str, _Log] = field(default_factory=dict)
    _console: Console | None = None

    def read(self, watched: Watched) -> Batch:
        """What the runs that are looked at have written since the last reading. Raises OSError."""
        self._look_at(watched)
        found = [(run_id, log.read()) for run_id, log in self._logs.items()]
        points = tuple((run_id, points) for run_id, points in found if points)
        heard = tuple((run_id, self._logs[run_id].heard) for run_id, _ in points)
        return Batch(None, points, watched, self._console.read() if self._console else None, heard)

    def _look_at(self, watched: Watched) -> None:
        before, self._before = self._before, watched
        kept = {run_id: log for run_id, log in self._logs.items() if watched.goes_on(before, run_id)}
        self._logs = {run_id: kept.get(run_id) or self._log(run_id) for run_id in watched.drawn}
        if watched.output != before.output or not watched.goes_on(before, watched.output):
            self._console = self._console_of(watched.output)

    def _log(self, run_id: str) -> _Log:
        return _Log(RunTail(self.home.run_dir(run_id)))

    def _console_of(self, output: tuple[str, int] | None) -> Console | None:
        return Console(self.home.run_dir(output[0]).out(output[1])) if output else None
