"""Homes with runs in every state that the Runs screen tells apart, written as the trainer writes them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cli.written_runs import RECIPE, Row, failed_run, write_predictions
from tests.store.helpers import Metric, finished_run, record, sites, write_run
from workbench.run import locks
from workbench.run.events import EventLog
from workbench.run.layout import Home, RunDir

FINISHED, FAILED, LIVE, LOWER = (f"{n:012x}" for n in range(1, 5))
LOSS = Metric("loss", 0.5, False)


def written(home: Home) -> None:
    """A finished run with answers, one that failed, one that adapts other sites."""
    folder = finished_run(home, record(FINISHED, name="whole-s0", recipe=RECIPE), [LOSS], last=40)
    folder.out(1).write_text("loading\nready\n")
    write_predictions(folder, 1, 40, [Row(True), Row(False, prompt="[b]shift[/b]", output="wrong\x1b[31m")])
    failed_run(home, FAILED, "nan", "step 1\nboom\n", hint="lower lr, or set a longer warmup")
    lower = sites({"attention": 16, "mlp": None})
    finished_run(
        home, record(LOWER, name="cut-[red]s1", plan="cut", placed=lower, seed=1), [Metric("loss", 0.75, False)]
    )


@contextmanager
def at_work(home: Home, run_id: str = LIVE, steps: int = 1000) -> Iterator[tuple[RunDir, EventLog]]:
    """A run whose locks are held, as its shim and its trainer hold them."""
    folder = write_run(home, record(run_id, name="live-s0", recipe=RECIPE))
    log = EventLog(folder.events, run_id, 1)
    log.write("started", device="cpu", steps=steps, seed=0)
    held = [locks.take(folder.shim_lock), locks.take(folder.alive_lock)]
    try:
        yield folder, log
    finally:
        log.close()
        for descriptor in held:
            assert descriptor is not None
            os.close(descriptor)
