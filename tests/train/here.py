"""What a trainer's process does, done in this one: for runs that are needed finished, not for how processes end."""

import gc
import os
import signal
from unittest.mock import patch

from tests.cli.command import Desk
from workbench.run.layout import Home, RunDir
from workbench.run.tickets import queue_lock
from workbench.train.__main__ import main


def trained_here(run_dir: RunDir, attempt: int = 1) -> int:
    """Makes an attempt as `python -m workbench.train` does, without importing its libraries anew; its exit code."""
    before = signal.getsignal(signal.SIGTERM)
    environment = {"OMP_NUM_THREADS": "1", "WORKBENCH_ATTEMPT": str(attempt)}
    # What is there now is not a trainer's alone, and has to be collected some day.
    with patch.dict(os.environ, environment), patch.object(gc, "freeze"):
        try:
            return main([str(run_dir.path)])
        finally:
            signal.signal(signal.SIGTERM, before)


def finished_here(desk: Desk, *words: str) -> list[RunDir]:
    """The runs that `workbench run` makes of these words, trained here to their ends instead of in the queue."""
    made = desk("run", *words, "--detach", "--hold")
    assert made.code == 0, made.err
    home, rows = Home(desk.home), made.json if isinstance(made.json, list) else [made.json]
    run_dirs = [home.run_dir(row["run_id"]) for row in rows]
    with queue_lock(home) as tickets:
        for run_dir in run_dirs:
            tickets.drop_waiting(run_dir.run_id)
    for run_dir in run_dirs:
        trained_here(run_dir)
    return run_dirs
