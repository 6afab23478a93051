"""The scheduling function: looks after what was started and starts what is next. Any process may call it.

`python -P -m workbench.run.schedule HOME` does it once. Killed at any point it leaves a queue that the next call puts
right: every change is one rename or one file written whole, and a run's locks say what is really at work.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workbench.errors import WorkbenchError, no_space_left
from workbench.run import locks
from workbench.run.at_work import has_process
from workbench.run.control import stop_reason
from workbench.run.flapping import Guard
from workbench.run.launch import Launcher, LocalLauncher, Need
from workbench.run.layout import Home, RunDir
from workbench.run.logs import ending, latest_attempt
from workbench.run.retry import FROM_OUTSIDE, class_of, following
from workbench.run.tickets import LOCK_PATIENCE, Ticket, Tickets, queue_lock
from workbench.run.waits import reason_to_wait

_MOST_STARTS = 5


@dataclass(slots=True)
class Report:
    """What a call did: runs started, and runs seen to be over."""

    started: list[str] = field(default_factory=list)
    over: list[str] = field(default_factory=list)


def schedule(home: Home, launcher: Launcher | None = None, patience: float = LOCK_PATIENCE) -> Report:
    """Does what there is to do now, and returns at once.

    Raises LockedError when another process holds the queue for longer than `patience` seconds, OSError where the home
    cannot be written to.
    """
    report = Report()
    if not home.queue.is_dir():
        return report
    with queue_lock(home, patience) as tickets:
        desk = _Desk(home, tickets, launcher or LocalLauncher(home), Guard(home), report)
        for ticket in tickets.started():
            desk.look_after(ticket)
        desk.start_waiting()
    return report


@dataclass(frozen=True, slots=True)
class _Desk:
    home: Home
    tickets: Tickets
    launcher: Launcher
    guard: Guard
    report: Report

    def look_after(self, ticket: Ticket) -> None:
        """What was started: left alone, supervised again, started again, or done with."""
        run_dir = self.home.run_dir(ticket.run_id)
        if not run_dir.path.is_dir():
            self.tickets.drop_started(ticket.run_id)
        elif locks.is_held(run_dir.shim_lock):
            return
        elif locks.is_held(run_dir.alive_lock):
            self._supervise_again(ticket, run_dir)
        elif latest_attempt(run_dir) < ticket.attempt:
            self._put_back(ticket)
        else:
            self._settle(ticket, run_dir)

    def _supervise_again(self, ticket: Ticket, run_dir: RunDir) -> None:
        """Its trainer lost its shim. Where the run's files forbid another one, it goes on without."""
        try:
            self.launcher.submit(run_dir, _need(ticket))
        except OSError as error:
            if not _is_of_run(error, run_dir):
                raise

    def _put_back(self, ticket: Ticket, trouble: str = "") -> None:
        """Whoever was to start it, or its shim, was gone before the attempt began, or the run's files gave trouble."""
        starts = ticket.starts + 1
        stuck = starts >= _MOST_STARTS
        trouble = trouble or f"its shim did not begin {starts} times: see runs/{ticket.run_id}/shim.log"
        why = trouble if stuck else ticket.why
        self.tickets.put(ticket._replace(starts=0 if stuck else starts, hold=stuck or ticket.hold, why=why))
        self.tickets.drop_started(ticket.run_id)

    def _settle(self, ticket: Ticket, run_dir: RunDir) -> None:
        end = ending(run_dir, ticket.attempt)
        next_ticket = None if self._is_settled(ticket, run_dir) else following(ticket, run_dir, end)
        if next_ticket:
            self.tickets.put(next_ticket)
        elif end and end["kind"] in ("finished", "failed") and class_of(end) not in (*FROM_OUTSIDE, "killed_by_user"):
            # Neither what came from outside nor what another attempt mends speaks for the batch or against it.
            self.guard.note(ticket.batch, ticket.run_id, ticket.attempt, class_of(end))
        self.tickets.drop_started(ticket.run_id)
        if not any(other.batch == ticket.batch for other in (*self.tickets.waiting(), *self.tickets.started())):
            self.guard.forget(ticket.batch)
        self.report.over.append(ticket.run_id)

    def _is_settled(self, ticket: Ticket, run_dir: RunDir) -> bool:
        """Whether what comes next has been decided: by a ticket that was written since, or by a wish to stop."""
        told_to_end = stop_reason(run_dir, ticket.attempt) in ("user", "pause")
        return told_to_end or self.tickets.waiting_of(ticket.run_id) is not None

    def start_waiting(self) -> None:
        full = 0  # a ticket that may choose from so many slots, or fewer, finds none
        for ticket in self.tickets.waiting():
            run_dir = self.home.run_dir(ticket.run_id)
            if not run_dir.path.is_dir():
                self.tickets.drop_waiting(ticket.run_id)
            elif ticket.jobs <= full:
                continue  # the logs of a long queue are not read at every look
            elif latest_attempt(run_dir) >= ticket.attempt:  # made by other means
                self.tickets.drop_waiting(ticket.run_id)
            elif not reason_to_wait(self.home, ticket) and not self._start(ticket, run_dir):
                full = ticket.jobs

    def _start(self, ticket: Ticket, run_dir: RunDir) -> bool:
        """Starts a run; False when there is no room."""
        if has_process(run_dir):
            return True  # somebody started it by hand
        if self.launcher.capacity(ticket.jobs).free == 0:
            return False
        try:
            return self._claim_and_submit(ticket, run_dir)
        except OSError as error:
            if not _is_of_run(error, run_dir):
                raise
            self._put_back(ticket, f"it cannot be started: {error}")
            return True

    def _claim_and_submit(self, ticket: Ticket, run_dir: RunDir) -> bool:
        ticket.terms.write(run_dir)
        self.guard.begin(ticket.batch)
        self.tickets.claim(ticket)
        if self.launcher.submit(run_dir, _need(ticket)) is None:
            self.tickets.put(ticket)
            self.tickets.drop_started(ticket.run_id)
            return False
        self.report.started.append(ticket.run_id)
        return True


def _is_of_run(error: OSError, run_dir: RunDir) -> bool:
    """Whether the run's own files are what is wrong, and not a disk or a machine that has no more room."""
    return str(error.filename or "").startswith(f"{run_dir.path}/") and not no_space_left(error)


def _need(ticket: Ticket) -> Need:
    return Need(ticket.attempt, ticket.jobs, ticket.threads, ticket.memory_bytes, ticket.command, ticket.folder)


def main(arguments: Sequence[str]) -> int:
    """Schedules the home named by the one argument; returns the exit code."""
    if len(arguments) != 1:
        print("usage: python -P -m workbench.run.schedule HOME", file=sys.stderr)
        return 2
    try:
        schedule(Home(Path(arguments[0]).absolute()))
    except WorkbenchError as error:
        print(f"{error.title}\n{error.hint}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
