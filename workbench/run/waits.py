"""Why a ticket that stands in the queue is not started."""

from workbench.run.flapping import Guard
from workbench.run.layout import Home
from workbench.run.liveness import status_of
from workbench.run.states import RunStatus
from workbench.run.tickets import Ticket


def reason_to_wait(home: Home, ticket: Ticket) -> str:
    """Why it is not to be started even if there is room, in words; "" when only room is missing."""
    if ticket.hold:
        return f"on hold{f': {ticket.why}' if ticket.why else ''}"
    if paused := Guard(home).paused(ticket.batch):
        return f"{ticket.batch} is paused: {paused}"
    for run_id in ticket.after:
        if reason := _reason_of(home, run_id):
            return reason
    return ""


def _reason_of(home: Home, run_id: str) -> str:
    """Why a run that is to come first keeps others waiting; "" once it has finished."""
    run_dir = home.run_dir(run_id)
    if not run_dir.path.is_dir():
        return f"after {run_id}, which is gone: release it to start it all the same"
    status = status_of(run_dir)
    if status is RunStatus.FINISHED:
        return ""
    if status.is_over:
        return f"after {run_id}, which is {status}: resume or retry that, or release this"
    return f"after {run_id} ({status})"
