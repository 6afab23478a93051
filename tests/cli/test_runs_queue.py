"""`runs watch|queue|stop|pause|resume|retry|hold|release|priority|rm`: what each says, and what each refuses."""

import pytest

from tests.cli.command import Desk
from tests.cli.in_process import Run, runner
from tests.cli.written_runs import RECIPE, failed_run
from tests.store.helpers import finished_run, record, write_run
from workbench.run import locks, queue
from workbench.run.checkpoints import complete_checkpoints
from workbench.run.events import EventLog
from workbench.run.layout import Home, RunDir
from workbench.run.liveness import status_of
from workbench.run.states import ACTIONS, OVER, TRANSITIONS, RunStatus
from workbench.run.terms import Terms
from workbench.run.tickets import Ticket, Tickets

ONE, TWO, DONE = "aaaa00000001", "aaaa00000002", "bbbb00000003"


@pytest.fixture
def run(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(desk, monkeypatch, capsys)


@pytest.fixture
def home(desk: Desk) -> Home:
    """Two runs that wait, on hold so that nothing starts, and a finished one."""
    home = Home(desk.home)
    for run_id in (ONE, TWO):
        write_run(home, record(run_id, name=f"run-{run_id[-1]}", recipe=RECIPE, predicted_bytes={"total": 10**9}))
    finished_run(home, record(DONE, name="done", recipe=RECIPE))
    queue.enqueue(home, [Ticket(run_id, 0, hold=True, memory_bytes=10**9, retries=2) for run_id in (ONE, TWO)])
    return home


def _paused(home: Home, run_id: str, checkpoint: bool = True) -> RunDir:
    run_dir = write_run(home, record(run_id, name="paused", recipe=RECIPE, predicted_bytes={"total": 1}))
    log = EventLog(run_dir.events, run_id, 1)
    log.write("started", steps=3, device="cpu")
    log.write("paused", step=2)
    log.close()
    Terms(1, threads=3, changes={"batch": 1}).write(run_dir)
    if checkpoint:
        folder = run_dir.checkpoints / "step-000002"
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text('{"step": 2, "attempt": 1, "files": {}}')
    return run_dir


def test_the_queue_is_shown_with_what_each_waits_for(run: Run, home: Home) -> None:
    shown = run("runs", "queue")
    assert shown.code == 0
    assert "run-1" in shown.out
    assert "on hold" in shown.out
    assert "slots" in shown.out
    rows = run("runs", "queue", "--json").json
    assert [(row["run_id"], row["attempt"], row["retries"], row["waits_for"]) for row in rows] == [
        (ONE, 1, 2, "on hold"),
        (TWO, 1, 2, "on hold"),
    ]


def test_an_empty_queue_and_an_empty_home_say_so(run: Run, desk: Desk) -> None:
    assert "the queue is empty" in run("runs", "queue").out
    assert "nothing is queued" in run("runs", "watch", "--once").out
    assert not desk.home.exists()


def test_watching_once_shows_what_is_queued_and_at_work(run: Run, home: Home) -> None:
    own = locks.take(home.run_dir(TWO).shim_lock)
    assert own is not None
    rows = run("runs", "watch", "--json").json
    assert [(row["run_id"], row["status"]) for row in rows] == [(TWO, "starting"), (ONE, "queued")]
    assert "starting" in run("runs", "watch", "--once").out


def test_priority_moves_a_run_to_the_front(run: Run, home: Home) -> None:
    assert run("runs", "priority", "run-2", "--to", "5").code == 0
    assert [ticket.run_id for ticket in Tickets(home).waiting()] == [TWO, ONE]


def test_stopping_a_queued_run_takes_it_out_of_the_queue(run: Run, home: Home) -> None:
    stopped = run("runs", "stop", "run-1")
    assert (stopped.code, "taken out of the queue" in stopped.out) == (0, True)
    assert status_of(home.run_dir(ONE)) is RunStatus.STOPPED
    assert [ticket.run_id for ticket in Tickets(home).waiting()] == [TWO]
    assert run("runs", "stop", "--all").code == 0
    assert Tickets(home).waiting() == []
    nothing = run("runs", "stop", "--all")
    assert (nothing.code, "no run is queued or at work" in nothing.err) == (4, True)


def test_pausing_a_queued_run_holds_it(run: Run, home: Home) -> None:
    queue.release(home, [ONE])
    paused = run("runs", "pause", ONE)
    assert (paused.code, "on hold" in paused.out) == (0, True)
    assert all(ticket.hold for ticket in Tickets(home).waiting())


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("stop", "done"), 1, "is finished: cannot stop it"),
        (("pause", "done"), 1, "is finished: cannot pause it"),
        (("resume", "done"), 1, "nothing to go on with"),
        (("retry", "done"), 1, "run --force"),
        (("hold", "done"), 1, "cannot hold it"),
        (("release", "done"), 1, "cannot release it"),
        (("resume", ONE), 1, "runs release"),
        (("rm", ONE, "--yes"), 1, "runs stop"),
        (("rm", DONE), 2, "--yes"),
        (("stop", "aaaa"), 2, "fits 2 runs"),
        (("stop", "nowhere"), 4, "no run is called 'nowhere'"),
        (("stop",), 2, "--all"),
        (("stop", ONE, "--all"), 2, "--all"),
        (("priority", ONE), 2, "--to"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_can(
    run: Run, home: Home, words: tuple[str, ...], code: int, said: str
) -> None:
    before = (Tickets(home).waiting(), sorted(home.path.rglob("*")))
    answer = run("runs", *words)
    assert (answer.code, answer.out) == (code, "")
    assert said in answer.err
    assert (Tickets(home).waiting(), sorted(home.path.rglob("*"))) == before


def test_resuming_needs_a_checkpoint_and_keeps_the_terms(run: Run, home: Home) -> None:
    bare = _paused(home, "cccc00000001", checkpoint=False)
    refused = run("runs", "resume", bare.run_id)
    assert (refused.code, f"runs retry {bare.run_id}" in refused.err) == (1, True)
    saved = _paused(home, "cccc00000002")
    holder = [locks.take(home.slots / f"cpu.{n}.lock") for n in range(2) if home.slots.mkdir(exist_ok=True) is None]
    assert None not in holder  # no room: nothing starts
    resumed = run("runs", "resume", saved.run_id, "--retries", "2", "--priority", "3")
    assert (resumed.code, "attempt 2 is queued" in resumed.out) == (0, True)
    ticket = Tickets(home).waiting_of(saved.run_id)
    assert ticket is not None
    assert (ticket.resume, ticket.retries, ticket.priority, ticket.threads) == (True, 2, 3, 3)
    assert ticket.changes == {"batch": 1}


def test_a_retry_after_cuda_oom_splits_the_batch(run: Run, home: Home) -> None:
    failed_run(home, "dddd00000001", "cuda_oom", out="", message="CUDA out of memory")
    holder = [locks.take(home.slots / f"cpu.{n}.lock") for n in range(2) if home.slots.mkdir(exist_ok=True) is None]
    assert None not in holder
    assert run("runs", "retry", "dddd00000001").code == 0
    ticket = Tickets(home).waiting_of("dddd00000001")
    assert ticket is not None
    assert (ticket.resume, ticket.changes) == (False, {"batch": 1, "accumulation": 2})


def test_removing_frees_what_it_says(run: Run, home: Home) -> None:
    saved = _paused(home, "cccc00000002")
    (saved.checkpoints / "step-000002" / "big").write_bytes(bytes(5000))
    freed = run("runs", "rm", "--checkpoints", saved.run_id, "--yes")
    assert (freed.code, "5.0" in freed.out.replace("5.04", "5.0")) == (0, True)
    assert complete_checkpoints(saved) == []
    assert status_of(saved) is RunStatus.PAUSED
    assert run("runs", "rm", saved.run_id, "done", "--yes").code == 0
    assert not saved.path.exists()
    assert {row["run_id"] for row in run("runs", "list", "--json").json} == {ONE, TWO}


def test_every_state_can_be_left_and_every_action_is_for_some() -> None:
    assert set(TRANSITIONS) == set(RunStatus)
    for status, following in TRANSITIONS.items():
        assert following
        assert status not in following
    assert all(TRANSITIONS[status] == {RunStatus.QUEUED} for status in OVER)
    assert all(ACTIONS.values())
    assert ACTIONS["resume"] == ACTIONS["retry"] == OVER - {RunStatus.FINISHED}
