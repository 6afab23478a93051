"""The queue with real shims and fake trainers: order, waiting, retries, repairs, and nobody there to look at it."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.faults.processes import Bench, kinds, wait_until
from tests.store.helpers import record
from workbench.errors import LockedError
from workbench.run import locks, queue
from workbench.run.control import request_stop
from workbench.run.events import read_events
from workbench.run.layout import RunDir
from workbench.run.liveness import status_of, view_of
from workbench.run.process import stat_of
from workbench.run.schedule import schedule
from workbench.run.slots import acquire, cpu_slots
from workbench.run.states import RunStatus
from workbench.run.terms import read_terms
from workbench.run.tickets import Tickets, queue_lock
from workbench.run.waits import reason_to_wait

pytestmark = pytest.mark.slow

FULL = ["started", "metric", "metric", "metric", "finished"]


def _runs(bench: Bench, count: int) -> list[RunDir]:
    return [bench.run_dir(f"{number:012x}") for number in range(1, count + 1)]


def _drained(bench: Bench) -> bool:
    tickets = Tickets(bench.home)
    return not tickets.waiting() and not tickets.started()


def _start_order(runs: list[RunDir]) -> list[str]:
    """The runs in the order in which their trainers started."""
    starts = [(read_events(run_dir.events)[0]["mono"], run_dir.run_id) for run_dir in runs]
    return [run_id for _, run_id in sorted(starts)]


def test_the_queue_drains_with_nobody_looking(bench: Bench) -> None:
    runs = _runs(bench, 4)
    assert queue.enqueue(bench.home, [bench.ticket(run_dir) for run_dir in runs]) == [r.run_id for r in runs]
    assert schedule(bench.home, bench.launcher("finish")).started == [runs[0].run_id]
    wait_until(lambda: _drained(bench))
    assert [kinds(run_dir) for run_dir in runs] == [FULL] * 4
    assert _start_order(runs) == [run_dir.run_id for run_dir in runs]


def test_higher_priority_goes_first_and_later_changes_count(bench: Bench) -> None:
    runs = _runs(bench, 4)
    lease = acquire(bench.home, cpu_slots(1))
    assert lease is not None
    tickets = [bench.ticket(run_dir, priority=number) for number, run_dir in enumerate(runs)]
    queue.enqueue(bench.home, tickets)
    queue.prioritize(bench.home, [runs[0].run_id], 10)
    lease.close()
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: _drained(bench))
    assert _start_order(runs) == [runs[place].run_id for place in (0, 3, 2, 1)]


def test_a_run_waits_for_another_to_finish(bench: Bench) -> None:
    first, second = _runs(bench, 2)
    os.mkfifo(first.path / "gate")
    (first.path / "behaviour").write_text("until_told")
    tickets = [bench.ticket(second, after=(first.run_id,), jobs=2), bench.ticket(first, jobs=2)]
    queue.enqueue(bench.home, tickets)
    assert schedule(bench.home, bench.launcher("finish")).started == [first.run_id]
    [waiting] = Tickets(bench.home).waiting()
    assert reason_to_wait(bench.home, waiting).startswith(f"after {first.run_id} (")
    wait_until(lambda: "metric" in kinds(first))
    (first.path / "gate").write_text("go on")
    wait_until(lambda: _drained(bench))
    assert kinds(second) == FULL


def test_a_run_whose_predecessor_failed_waits_until_it_is_released(bench: Bench) -> None:
    first, second = _runs(bench, 2)
    (first.path / "behaviour").write_text("exit3")
    queue.enqueue(bench.home, [bench.ticket(first), bench.ticket(second, after=(first.run_id,))])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: status_of(first) is RunStatus.FAILED and not Tickets(bench.home).started())
    [waiting] = Tickets(bench.home).waiting()
    assert f"{first.run_id}, which is failed" in reason_to_wait(bench.home, waiting)
    queue.release(bench.home, [second.run_id])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: _drained(bench))
    assert status_of(second) is RunStatus.FINISHED


def test_what_waits_for_what_is_known_however_long_the_way(bench: Bench) -> None:
    first, second, third, fourth = (run_dir.run_id for run_dir in _runs(bench, 4))
    after = {second: (first,), third: (second,), first: (third,)}  # as hand-written tickets may have it, a ring
    queue.enqueue(bench.home, [bench.ticket(bench.run_dir(run_id), after=ids) for run_id, ids in after.items()])
    assert queue.awaited(bench.home, [second]) == {first, second, third}
    assert queue.awaited(bench.home, [fourth]) == {fourth}
    assert queue.awaited(bench.home, []) == set()


def test_held_runs_stay_and_others_go_past_them(bench: Bench) -> None:
    held, other = _runs(bench, 2)
    queue.enqueue(bench.home, [bench.ticket(held, hold=True), bench.ticket(other)])
    assert schedule(bench.home, bench.launcher("finish")).started == [other.run_id]
    wait_until(lambda: status_of(other) is RunStatus.FINISHED)
    view = view_of(held)
    assert (view.status, view.held) == (RunStatus.QUEUED, True)
    queue.release(bench.home, [held.run_id])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: _drained(bench))
    assert status_of(held) is RunStatus.FINISHED


def test_two_schedulers_at_once_start_each_run_once(bench: Bench) -> None:
    runs = _runs(bench, 6)
    queue.enqueue(bench.home, [bench.ticket(run_dir, jobs=3) for run_dir in runs])
    code = (
        "import sys; from pathlib import Path; from workbench.run.launch import LocalLauncher;"
        "from workbench.run.layout import Home; from workbench.run.schedule import schedule;"
        "from workbench.run.slots import cpu_slots; home = Home(Path(sys.argv[1]));"
        "[schedule(home, LocalLauncher(home, cpu_slots, sys.argv[2:])) for _ in range(10)]"
    )
    command = [sys.executable, "-P", "-c", code, str(bench.home.path), *bench.shim_command("finish")]
    for scheduler in [subprocess.Popen(command) for _ in range(4)]:
        assert scheduler.wait() == 0
    wait_until(lambda: _drained(bench))
    assert [kinds(run_dir) for run_dir in runs] == [FULL] * 6
    assert not any(run_dir.out(2).exists() for run_dir in runs)


def test_a_scheduler_waits_for_another_and_says_who_holds_on_too_long(bench: Bench) -> None:
    queue.enqueue(bench.home, [])
    held = locks.take(bench.home.queue / "lock")
    assert held is not None
    with pytest.raises(LockedError, match="queue/lock"):
        schedule(bench.home, patience=0.05)
    os.close(held)
    assert schedule(bench.home).started == []


@pytest.mark.parametrize("behaviour", ["wait", "silent"])
def test_what_was_killed_is_tried_again_and_what_crashed_is_not(bench: Bench, behaviour: str) -> None:
    [run_dir] = _runs(bench, 1)
    (run_dir.path / "behaviour").write_text(behaviour)
    queue.enqueue(bench.home, [bench.ticket(run_dir, retries=2, threads=3)])
    schedule(bench.home, bench.launcher("finish"))
    if behaviour == "silent":
        wait_until(lambda: _drained(bench))
        assert (status_of(run_dir), run_dir.out(2).exists()) == (RunStatus.FAILED, False)
        return
    _kill_at_step_1(run_dir, 1)
    _kill_at_step_1(run_dir, 2, "finish")
    wait_until(lambda: _drained(bench))
    view = view_of(run_dir)
    assert (view.status, view.attempt) == (RunStatus.FINISHED, 3)
    assert read_terms(run_dir, 3).why == "after killed in attempt 2; 0 retries left"
    assert read_terms(run_dir, 3).threads == 3


def _metrics_of(run_dir: RunDir, attempt: int) -> int:
    return sum(e["kind"] == "metric" and e["attempt"] == attempt for e in read_events(run_dir.events))


def _kill_at_step_1(run_dir: RunDir, attempt: int, then: str = "wait") -> None:
    """Kills the trainer of this attempt; the next one behaves as said."""

    def trainer() -> int | None:
        raw = json.loads(run_dir.proc.read_text())
        return raw["pgid"] if raw["attempt"] == attempt else None

    wait_until(lambda: _metrics_of(run_dir, attempt) == 1 and trainer() is not None)
    (run_dir.path / "behaviour").write_text(then)
    os.kill(trainer() or 0, signal.SIGKILL)


def test_a_lost_run_is_found_and_tried_again_by_whoever_looks_next(bench: Bench) -> None:
    [run_dir] = _runs(bench, 1)
    (run_dir.path / "behaviour").write_text("wait")
    queue.enqueue(bench.home, [bench.ticket(run_dir, retries=1)])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: "metric" in kinds(run_dir))
    _kill_both(run_dir)
    assert status_of(run_dir) is RunStatus.LOST
    (run_dir.path / "behaviour").write_text("finish")
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: _drained(bench))
    assert (status_of(run_dir), view_of(run_dir).attempt) == (RunStatus.FINISHED, 2)


def _kill_both(run_dir: RunDir) -> None:
    wait_until(lambda: json.loads(run_dir.proc.read_text())["trainer"] is not None)
    raw = json.loads(run_dir.proc.read_text())
    os.kill(raw["shim"]["pid"], signal.SIGKILL)
    os.kill(raw["trainer"]["pid"], signal.SIGKILL)
    wait_until(lambda: not locks.is_held(run_dir.alive_lock) and not locks.is_held(run_dir.shim_lock))


@pytest.mark.parametrize("before_proc", [False, True])
def test_a_trainer_without_a_shim_gets_a_new_one(bench: Bench, before_proc: bool) -> None:
    [run_dir] = _runs(bench, 1)
    os.mkfifo(run_dir.path / "gate")
    (run_dir.path / "behaviour").write_text("until_told")
    queue.enqueue(bench.home, [bench.ticket(run_dir)])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: "metric" in kinds(run_dir) and json.loads(run_dir.proc.read_text())["trainer"])
    raw = json.loads(run_dir.proc.read_text())
    os.kill(raw["shim"]["pid"], signal.SIGKILL)
    wait_until(lambda: status_of(run_dir) is RunStatus.UNSUPERVISED)
    if before_proc:  # as a shim leaves it that is killed before it could write down whom it started
        run_dir.proc.write_text(json.dumps({**raw, "trainer": None, "pgid": None}))
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: status_of(run_dir) is RunStatus.RUNNING)
    wait_until(lambda: json.loads(run_dir.proc.read_text())["shim"] != raw["shim"])
    assert json.loads(run_dir.proc.read_text())["trainer"] == raw["trainer"]
    (run_dir.path / "gate").write_text("go on")
    wait_until(lambda: _drained(bench))
    assert (status_of(run_dir), kinds(run_dir)[2:], run_dir.out(2).exists()) == (RunStatus.FINISHED, FULL[1:], False)


def test_a_process_that_has_the_pid_of_a_trainer_now_is_left_alone(bench: Bench) -> None:
    """What proc.json says is believed only with the start time and the boot: a pid may be another's by now."""
    [run_dir] = _runs(bench, 1)
    (run_dir.path / "behaviour").write_text("obey")
    queue.enqueue(bench.home, [bench.ticket(run_dir)])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: "metric" in kinds(run_dir) and json.loads(run_dir.proc.read_text())["trainer"])
    raw = json.loads(run_dir.proc.read_text())
    with subprocess.Popen(["sleep", "600"]) as bystander:
        os.kill(raw["shim"]["pid"], signal.SIGKILL)
        os.kill(raw["trainer"]["pid"], signal.SIGKILL)
        other = {"pid": bystander.pid, "start_ticks": raw["trainer"]["start_ticks"]}
        run_dir.proc.write_text(json.dumps({**raw, "shim": other, "trainer": other, "pgid": bystander.pid}))
        leftover = locks.take(run_dir.alive_lock, patience=5)  # something of the attempt still holds it
        assert leftover is not None
        request_stop(run_dir, 1, grace=0.0)
        schedule(bench.home, bench.launcher("finish"))
        wait_until(lambda: json.loads(run_dir.proc.read_text())["shim"] != other)
        os.close(leftover)
        wait_until(lambda: _drained(bench))
        assert bystander.poll() is None
        bystander.kill()
    assert status_of(run_dir) is RunStatus.FAILED


@pytest.mark.parametrize(("behaviour", "expected"), [("obey", "stopped"), ("ignore", "failed"), ("killed", "failed")])
def test_an_adopted_trainer_is_stopped_killed_and_recorded_like_any(
    bench: Bench, behaviour: str, expected: str
) -> None:
    [run_dir] = _runs(bench, 1)
    (run_dir.path / "behaviour").write_text("wait" if behaviour == "killed" else behaviour)
    queue.enqueue(bench.home, [bench.ticket(run_dir)])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: "metric" in kinds(run_dir) and json.loads(run_dir.proc.read_text())["trainer"])
    raw = json.loads(run_dir.proc.read_text())
    os.kill(raw["shim"]["pid"], signal.SIGKILL)
    wait_until(lambda: status_of(run_dir) is RunStatus.UNSUPERVISED)
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: status_of(run_dir) is RunStatus.RUNNING)
    if behaviour == "killed":
        os.kill(raw["trainer"]["pid"], signal.SIGKILL)
    else:
        request_stop(run_dir, 1, grace=0.2 if behaviour == "ignore" else None)
    wait_until(lambda: _drained(bench))
    view = view_of(run_dir)
    assert view.status == expected
    if expected == "failed":
        assert view.failure is not None
        assert view.failure.failure_class == ("lost" if behaviour == "killed" else "killed_by_user")


def test_leftovers_of_an_attempt_go_with_an_adopted_trainer(bench: Bench) -> None:
    [run_dir] = _runs(bench, 1)
    (run_dir.path / "behaviour").write_text("leave_a_child")
    queue.enqueue(bench.home, [bench.ticket(run_dir)])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: "telemetry" in kinds(run_dir) and json.loads(run_dir.proc.read_text())["trainer"])
    os.kill(json.loads(run_dir.proc.read_text())["shim"]["pid"], signal.SIGKILL)
    wait_until(lambda: status_of(run_dir) is RunStatus.UNSUPERVISED)
    schedule(bench.home, bench.launcher("finish"))
    (run_dir.path / "go").touch()
    wait_until(lambda: _drained(bench))
    [telemetry] = [event for event in read_events(run_dir.events) if event["kind"] == "telemetry"]
    [child] = telemetry["pids"]
    stat = stat_of(child)  # a zombie until init looks
    assert stat is None or stat.state == "Z"
    assert status_of(run_dir) is RunStatus.FINISHED


def test_a_claim_that_came_to_nothing_is_made_again(bench: Bench) -> None:
    [run_dir] = _runs(bench, 1)
    queue.enqueue(bench.home, [bench.ticket(run_dir)])
    with queue_lock(bench.home) as tickets:  # a scheduler that is killed right after the rename
        tickets.claim(tickets.waiting()[0])
    assert status_of(run_dir) is RunStatus.QUEUED
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: _drained(bench))
    assert (kinds(run_dir), view_of(run_dir).attempt) == (FULL, 1)


def test_a_retry_that_was_written_twice_is_made_once(bench: Bench) -> None:
    [run_dir] = _runs(bench, 1)
    (run_dir.path / "behaviour").write_text("wait")
    queue.enqueue(bench.home, [bench.ticket(run_dir, retries=3)])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: "metric" in kinds(run_dir))
    _kill_both(run_dir)
    (run_dir.path / "behaviour").write_text("finish")
    with queue_lock(bench.home) as tickets:  # a scheduler that is killed between the new ticket and the old one
        [started] = tickets.started()
        tickets.put(started._replace(attempt=2, retries=2))
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: _drained(bench))
    assert view_of(run_dir).attempt == 2
    assert not run_dir.out(3).exists()


def test_a_run_that_is_gone_leaves_the_queue(bench: Bench) -> None:
    first, second = _runs(bench, 2)
    queue.enqueue(bench.home, [bench.ticket(first), bench.ticket(second)])
    first.path.rmdir()
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: _drained(bench))
    assert status_of(second) is RunStatus.FINISHED


def test_a_run_directory_deleted_under_a_live_run_ends_it(bench: Bench) -> None:
    first, second = _runs(bench, 2)
    (first.path / "behaviour").write_text("wait")
    queue.enqueue(bench.home, [bench.ticket(first), bench.ticket(second)])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: "metric" in kinds(first) and json.loads(first.proc.read_text())["trainer"])
    first.path.rename(bench.folder / "elsewhere")
    wait_until(lambda: _drained(bench))
    assert not first.path.exists()
    assert status_of(second) is RunStatus.FINISHED


def test_a_run_without_memory_gets_smaller_micro_batches(bench: Bench) -> None:
    [run_dir] = _runs(bench, 1)
    recipe = {"batch": 12, "accumulation": 2}
    record(run_dir.run_id, recipe=recipe).write(run_dir.record)
    (run_dir.path / "behaviour").write_text("cuda_oom")
    queue.enqueue(bench.home, [bench.ticket(run_dir)])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: _drained(bench))
    assert status_of(run_dir) is RunStatus.FAILED
    splits = [read_terms(run_dir, attempt).changes for attempt in range(1, 6)]
    sizes = [(split.get("batch", 12), split.get("accumulation", 2)) for split in splits]
    assert sizes == [(12, 2), (6, 4), (3, 8), (1, 24), (12, 2)]
    assert "after cuda_oom in attempt 3" in read_terms(run_dir, 4).why


def test_with_dropout_another_split_would_be_another_experiment(bench: Bench) -> None:
    [run_dir] = _runs(bench, 1)
    plain = record(run_dir.run_id, recipe={"batch": 4, "accumulation": 1})
    replace(plain, sites=tuple(replace(site, dropout=0.1) for site in plain.sites)).write(run_dir.record)
    (run_dir.path / "behaviour").write_text("cuda_oom")
    queue.enqueue(bench.home, [bench.ticket(run_dir)])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: _drained(bench))
    assert (status_of(run_dir), view_of(run_dir).attempt) == (RunStatus.FAILED, 1)


def test_a_batch_that_fails_is_paused_and_no_other(bench: Bench) -> None:
    bad, good = _runs(bench, 9)[:6], _runs(bench, 9)[6:]
    for run_dir in bad:
        (run_dir.path / "behaviour").write_text("fail")
    mixed = [ticket for pair in zip(bad[:3], good, strict=True) for ticket in pair]
    tickets = [bench.ticket(run_dir, batch="good" if run_dir in good else "bad") for run_dir in [*mixed, *bad[3:]]]
    queue.enqueue(bench.home, tickets)
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: all(status_of(run_dir) is RunStatus.FINISHED for run_dir in good))
    wait_until(lambda: queue.paused_batches(bench.home) != {} and not Tickets(bench.home).started())
    assert queue.paused_batches(bench.home) == {"bad": "3 failures in its first 60 s (bad_data)"}
    assert [status_of(run_dir) for run_dir in bad] == [RunStatus.FAILED] * 3 + [RunStatus.QUEUED] * 3
    assert "bad is paused" in reason_to_wait(bench.home, Tickets(bench.home).waiting()[0])
    for run_dir in bad:
        (run_dir.path / "behaviour").write_text("finish")
    assert queue.release_batch(bench.home, "bad")
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: _drained(bench))
    assert [status_of(run_dir) for run_dir in bad[3:]] == [RunStatus.FINISHED] * 3
    assert not queue.paused_batches(bench.home)


def test_a_run_works_where_it_was_asked_for_and_in_the_home_when_that_is_gone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, folders = _runs(bench, 2), [bench.folder / name for name in ("one", "two")]
    for run_dir, folder in zip(runs, folders, strict=True):
        folder.mkdir()
        (run_dir.path / "behaviour").write_text("until_go")
    tickets = [bench.ticket(r, jobs=2, folder=str(folder)) for r, folder in zip(runs, folders, strict=True)]
    queue.enqueue(bench.home, tickets)
    folders[1].rmdir()
    elsewhere = bench.folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    elsewhere.rmdir()  # as of a shim whose terminal's folder was removed
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: all("metric" in kinds(r) and json.loads(r.proc.read_text())["trainer"] for r in runs))
    trainers = [json.loads(run_dir.proc.read_text())["trainer"]["pid"] for run_dir in runs]
    assert [os.readlink(f"/proc/{pid}/cwd") for pid in trainers] == [str(folders[0]), str(bench.home.path)]
    for run_dir in runs:
        (run_dir.path / "go").touch()
    wait_until(lambda: _drained(bench))


def test_a_run_keeps_its_own_copy_of_the_plan(bench: Bench) -> None:
    [run_dir] = _runs(bench, 1)
    record(run_dir.run_id).write(run_dir.record)
    before = run_dir.record.read_bytes()
    queue.enqueue(bench.home, [bench.ticket(run_dir)])
    assert queue.enqueue(bench.home, [bench.ticket(run_dir, priority=5)]) == []
    assert Tickets(bench.home).waiting()[0].priority == 0
    assert run_dir.record.read_bytes() == before


def test_an_observer_that_probes_does_not_keep_a_shim_from_starting(bench: Bench) -> None:
    [run_dir] = _runs(bench, 1)
    probing = (
        "import sys, time; from pathlib import Path; from workbench.run.locks import is_held\n"
        "end = time.monotonic() + 3\n"
        "while time.monotonic() < end:\n    [is_held(Path(path)) for path in sys.argv[1:]]\n"
    )
    paths = [str(run_dir.alive_lock), str(run_dir.shim_lock), str(cpu_slots(1)[0].lock_file(bench.home))]
    observers = [subprocess.Popen([sys.executable, "-P", "-c", probing, *paths]) for _ in range(2)]
    for attempt in range(1, 4):
        queue.enqueue(bench.home, [bench.ticket(run_dir)])
        wait_until(lambda: (schedule(bench.home, bench.launcher("finish")), _drained(bench))[1])
        assert view_of(run_dir).attempt == attempt
    for observer in observers:
        observer.kill()
        observer.wait()
    assert kinds(run_dir) == FULL * 3
