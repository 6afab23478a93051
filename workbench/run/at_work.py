"""Which runs are queued or at work: told from the tickets and the locks, without looking at those that are over."""

from workbench.run import locks
from workbench.run.layout import Home, RunDir
from workbench.run.liveness import RunView, view_of
from workbench.run.tickets import Tickets


def runs_at_work(home: Home) -> list[tuple[RunDir, RunView]]:
    """The runs that are queued or at work: those at work first, then the queue in its order."""
    tickets = Tickets(home)
    named = [ticket.run_id for ticket in (*tickets.started(), *tickets.waiting())]
    held = [run_dir.run_id for run_dir in home.run_dirs() if has_process(run_dir)]
    found = [home.run_dir(run_id) for run_id in dict.fromkeys([*held, *named])]
    views = [(run_dir, view_of(run_dir)) for run_dir in found if run_dir.path.is_dir()]
    unfinished = [(run_dir, view) for run_dir, view in views if not view.status.is_over]
    return sorted(unfinished, key=lambda pair: not pair[1].status.is_live)


def has_process(run_dir: RunDir) -> bool:
    """Whether a process is at the run, also one that was started without a ticket."""
    return locks.is_held(run_dir.alive_lock) or locks.is_held(run_dir.shim_lock)
