"""What a person does with the queue: put runs in, take them out, hold them, let them go, move them to the front."""

from collections.abc import Callable, Iterable, Sequence

from workbench.errors import NotFoundError
from workbench.nearest import nearest
from workbench.run.at_work import has_process
from workbench.run.flapping import Guard
from workbench.run.layout import Home, RunDir
from workbench.run.logs import latest_attempt
from workbench.run.tickets import LOCK_PATIENCE, Ticket, Tickets, queue_lock
from workbench.sample.mark import require_own


def enqueue(home: Home, wanted: Sequence[Ticket]) -> list[str]:
    """Puts a ticket for the next attempt of each run into the queue, in this order; returns the runs it was done for.

    A run that waits already, or that is at work, keeps what it has. `attempt` and `seq` are filled in here. Raises
    LockedError, OSError, InvalidError in the home of the sample.
    """
    require_own(home)
    done = []
    with queue_lock(home) as tickets:
        seq = tickets.next_seq()
        for number, ticket in enumerate(wanted):
            run_dir = home.run_dir(ticket.run_id)
            if tickets.waiting_of(ticket.run_id) or _is_at_work(tickets, run_dir):
                continue
            tickets.put(ticket._replace(attempt=latest_attempt(run_dir) + 1, seq=seq + number))
            done.append(ticket.run_id)
    return done


def withdraw(home: Home, run_ids: Iterable[str], patience: float = LOCK_PATIENCE) -> list[str]:
    """Takes runs out of the queue; returns those that were in it. One that has been started is left alone."""
    with queue_lock(home, patience) as tickets:
        found = [run_id for run_id in run_ids if _waiting(tickets, run_id)]
        for run_id in found:
            tickets.drop_waiting(run_id)
    return found


def hold(home: Home, run_ids: Iterable[str]) -> list[str]:
    """Keeps runs in the queue from being started; returns those that are in it."""
    return _change(home, run_ids, lambda ticket: ticket._replace(hold=True))


def release(home: Home, run_ids: Iterable[str]) -> list[str]:
    """Lets runs be started as soon as there is room, whatever they waited for; returns those that are in the queue."""
    return _change(home, run_ids, lambda ticket: ticket._replace(hold=False, after=(), starts=0))


def prioritize(home: Home, run_ids: Iterable[str], priority: int) -> list[str]:
    """Gives runs in the queue another priority; returns those that are in it."""
    return _change(home, run_ids, lambda ticket: ticket._replace(priority=priority))


def release_batch(home: Home, batch: str) -> bool:
    """Lets a batch that was paused for its failures go on; False when it was not paused."""
    with queue_lock(home):
        return Guard(home).release(batch)


def awaited(home: Home, run_ids: Iterable[str]) -> set[str]:
    """These runs and all that they wait for in the queue, however indirectly."""
    tickets, found, left = Tickets(home), set[str](), [*run_ids]
    while left:
        if (run_id := left.pop()) not in found:
            found.add(run_id)
            ticket = tickets.waiting_of(run_id)
            left += ticket.after if ticket else ()
    return found


def paused_batches(home: Home) -> dict[str, str]:
    """The batches that are paused, and why."""
    guard = Guard(home)
    return {batch: why for batch in guard.known() if (why := guard.paused(batch))}


def check_batch(home: Home, batch: str) -> None:
    """Raises NotFoundError, with the nearest name, for a batch that nothing is known of."""
    known = Guard(home).known()
    if batch not in known:
        raise NotFoundError(f"no run and no batch is called '{batch}'", nearest(batch, known) if known else "")


def _change(home: Home, run_ids: Iterable[str], change: Callable[[Ticket], Ticket]) -> list[str]:
    with queue_lock(home) as tickets:
        found = [ticket for run_id in run_ids if (ticket := _waiting(tickets, run_id))]
        for ticket in found:
            tickets.put(change(ticket))
    return [ticket.run_id for ticket in found]


def _waiting(tickets: Tickets, run_id: str) -> Ticket | None:
    """The run's ticket that waits. One that was claimed by somebody who then was killed is put back for that."""
    run_dir, started = tickets.home.run_dir(run_id), tickets.started_of(run_id)
    waiting = tickets.waiting_of(run_id)
    if waiting or not started or has_process(run_dir) or not _is_to_begin(started, run_dir):
        return waiting
    tickets.unclaim(started)
    return started


def _is_at_work(tickets: Tickets, run_dir: RunDir) -> bool:
    started = tickets.started_of(run_dir.run_id)
    return has_process(run_dir) or (started is not None and _is_to_begin(started, run_dir))


def _is_to_begin(started: Ticket, run_dir: RunDir) -> bool:
    return started.attempt > latest_attempt(run_dir)
