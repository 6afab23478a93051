"""What the queue makes of attempts that are over: which of them speak against their batch."""

import pytest

from tests.faults.processes import Bench
from tests.store.helpers import record
from workbench.run import flapping, queue
from workbench.run.events import EventLog
from workbench.run.launch import LocalLauncher
from workbench.run.layout import RunDir
from workbench.run.schedule import schedule
from workbench.run.tickets import Tickets, queue_lock

LATE = 100.0  # seconds between two ends: none of them is early


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds since the boot, to be set."""
    now = [1000.0]
    monkeypatch.setattr(flapping, "_now", lambda: now[0])
    return now


def _settle(bench: Bench, number: int, kind: str, **fields: str) -> None:
    """The first attempt of another run of the batch is made and ends so."""
    run_dir = bench.run_dir(f"{number:012x}")
    queue.enqueue(bench.home, [bench.ticket(run_dir, batch="study")])
    _make(bench, run_dir, 1, kind, **fields)


def _make(bench: Bench, run_dir: RunDir, attempt: int, kind: str, **fields: str) -> None:
    """An attempt is started, ends so, and is looked at by a scheduler that has no room for more."""
    with queue_lock(bench.home) as tickets:
        ticket = tickets.waiting_of(run_dir.run_id)
        assert ticket is not None
        flapping.Guard(bench.home).begin(ticket.batch)
        tickets.claim(ticket)
    log = EventLog(run_dir.events, run_dir.run_id, attempt)
    log.write(kind, **fields)
    log.close()
    schedule(bench.home, LocalLauncher(bench.home, lambda jobs: []))


def _paused(bench: Bench, clock: list[float], before: str) -> str:
    """Why the batch is paused after one end of that kind and five failures."""
    keeper = bench.run_dir("ffff00000000")
    queue.enqueue(bench.home, [bench.ticket(keeper, batch="study", hold=True)])
    _settle(bench, 0, before, reason="user")
    for number in range(1, 6):
        clock[0] += LATE
        _settle(bench, number, "failed", **{"class": "bad_data"})
    return queue.paused_batches(bench.home).get("study", "")


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ("finished", ""),
        ("stopped", "5 failures before any success (bad_data)"),
        ("paused", "5 failures before any success (bad_data)"),
    ],
)
def test_only_a_run_that_finished_is_a_success(bench: Bench, clock: list[float], before: str, why: str) -> None:
    assert _paused(bench, clock, before) == why


def test_failures_that_are_mended_by_another_attempt_do_not_speak_against_a_batch(bench: Bench) -> None:
    run_dir = bench.run_dir()
    record(run_dir.run_id, recipe={"batch": 8, "accumulation": 1}).write(run_dir.record)
    queue.enqueue(bench.home, [bench.ticket(run_dir, batch="study")])
    for attempt in (1, 2, 3):
        _make(bench, run_dir, attempt, "failed", **{"class": "cuda_oom"})
        assert queue.paused_batches(bench.home) == {}
    [ticket] = Tickets(bench.home).waiting()
    assert (ticket.attempt, ticket.changes) == (4, {"batch": 1, "accumulation": 8})
