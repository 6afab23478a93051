"""The queue with real shims and fake trainers: order, waiting, failures, and nobody there to look at it."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.faults.processes import FULL, Bench, kinds, wait_until
from tests.store.helpers import record
from workbench.errors import LockedError
from workbench.run import locks, queue
from workbench.run.events import read_events
from workbench.run.layout import RunDir
from workbench.run.liveness import status_of, view_of
from workbench.run.schedule import schedule
from workbench.run.slots import acquire, cpu_slots
from workbench.run.states import RunStatus
from workbench.run.terms import read_terms
from workbench.run.tickets import Tickets
from workbench.run.waits import reason_to_wait

pytestmark = pytest.mark.slow


def _start_order(runs: list[RunDir]) -> list[str]:
    """The runs in the order in which their trainers started."""
    starts = [(read_events(run_dir.events)[0]["mono"], run_dir.run_id) for run_dir in runs]
    return [run_id for _, run_id in sorted(starts)]


def test_the_queue_drains_with_nobody_looking(bench: Bench) -> None:
    runs = bench.run_dirs(4)
    assert queue.enqueue(bench.home, [bench.ticket(run_dir) for run_dir in runs]) == [r.run_id for r in runs]
    assert schedule(bench.home, bench.launcher("finish")).started == [runs[0].run_id]
    wait_until(bench.is_drained)
    assert [kinds(run_dir) for run_dir in runs] == [FULL] * 4
    assert _start_order(runs) == [run_dir.run_id for run_dir in runs]


def test_higher_priority_goes_first_and_later_changes_count(bench: Bench) -> None:
    runs = bench.run_dirs(4)
    lease = acquire(bench.home, cpu_slots(1))
    assert lease is not None
    tickets = [bench.ticket(run_dir, priority=number) for number, run_dir in enumerate(runs)]
    queue.enqueue(bench.home, tickets)
    queue.prioritize(bench.home, [runs[0].run_id], 10)
    lease.close()
    schedule(bench.home, bench.launcher("finish"))
    wait_until(bench.is_drained)
    assert _start_order(runs) == [runs[place].run_id for place in (0, 3, 2, 1)]


def test_a_run_waits_for_another_to_finish(bench: Bench) -> None:
    first, second = bench.run_dirs(2)
    os.mkfifo(first.path / "gate")
    (first.path / "behaviour").write_text("until_told")
    tickets = [bench.ticket(second, after=(first.run_id,), jobs=2), bench.ticket(first, jobs=2)]
    queue.enqueue(bench.home, tickets)
    assert schedule(bench.home, bench.launcher("finish")).started == [first.run_id]
    [waiting] = Tickets(bench.home).waiting()
    assert reason_to_wait(bench.home, waiting).startswith(f"after {first.run_id} (")
    wait_until(lambda: "metric" in kinds(first))
    (first.path / "gate").write_text("go on")
    wait_until(bench.is_drained)
    assert kinds(second) == FULL


def test_a_run_whose_predecessor_failed_waits_until_it_is_released(bench: Bench) -> None:
    first, second = bench.run_dirs(2)
    (first.path / "behaviour").write_text("exit3")
    queue.enqueue(bench.home, [bench.ticket(first), bench.ticket(second, after=(first.run_id,))])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: status_of(first) is RunStatus.FAILED and not Tickets(bench.home).started())
    [waiting] = Tickets(bench.home).waiting()
    assert f"{first.run_id}, which is failed" in reason_to_wait(bench.home, waiting)
    queue.release(bench.home, [second.run_id])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(bench.is_drained)
    assert status_of(second) is RunStatus.FINISHED


def test_what_waits_for_what_is_known_however_long_the_way(bench: Bench) -> None:
    first, second, third, fourth = (run_dir.run_id for run_dir in bench.run_dirs(4))
    after = {second: (first,), third: (second,), first: (third,)}  # as hand-written tickets may have it, a ring
    queue.enqueue(bench.home, [bench.ticket(bench.run_dir(run_id), after=ids) for run_id, ids in after.items()])
    assert queue.awaited(bench.home, [second]) == {first, second, third}
    assert queue.awaited(bench.home, [fourth]) == {fourth}
    assert queue.awaited(bench.home, []) == set()


def test_held_runs_stay_and_others_go_past_them(bench: Bench) -> None:
    held, other = bench.run_dirs(2)
    queue.enqueue(bench.home, [bench.ticket(held, hold=True), bench.ticket(other)])
    assert schedule(bench.home, bench.launcher("finish")).started == [other.run_id]
    wait_until(lambda: status_of(other) is RunStatus.FINISHED)
    view = view_of(held)
    assert (view.status, view.held) == (RunStatus.QUEUED, True)
    queue.release(bench.home, [held.run_id])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(bench.is_drained)
    assert status_of(held) is RunStatus.FINISHED


def test_two_schedulers_at_once_start_each_run_once(bench: Bench) -> None:
    runs = bench.run_dirs(6)
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
    wait_until(bench.is_drained)
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


def test_a_run_that_is_gone_leaves_the_queue(bench: Bench) -> None:
    first, second = bench.run_dirs(2)
    queue.enqueue(bench.home, [bench.ticket(first), bench.ticket(second)])
    first.path.rmdir()
    schedule(bench.home, bench.launcher("finish"))
    wait_until(bench.is_drained)
    assert status_of(second) is RunStatus.FINISHED


def test_a_run_directory_deleted_under_a_live_run_ends_it(bench: Bench) -> None:
    first, second = bench.run_dirs(2)
    (first.path / "behaviour").write_text("wait")
    queue.enqueue(bench.home, [bench.ticket(first), bench.ticket(second)])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(lambda: "metric" in kinds(first) and json.loads(first.proc.read_text())["trainer"])
    first.path.rename(bench.folder / "elsewhere")
    wait_until(bench.is_drained)
    assert not first.path.exists()
    assert status_of(second) is RunStatus.FINISHED


def test_a_run_without_memory_gets_smaller_micro_batches(bench: Bench) -> None:
    [run_dir] = bench.run_dirs(1)
    recipe = {"batch": 12, "accumulation": 2}
    record(run_dir.run_id, recipe=recipe).write(run_dir.record)
    (run_dir.path / "behaviour").write_text("cuda_oom")
    queue.enqueue(bench.home, [bench.ticket(run_dir)])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(bench.is_drained)
    assert status_of(run_dir) is RunStatus.FAILED
    splits = [read_terms(run_dir, attempt).changes for attempt in range(1, 6)]
    sizes = [(split.get("batch", 12), split.get("accumulation", 2)) for split in splits]
    assert sizes == [(12, 2), (6, 4), (3, 8), (1, 24), (12, 2)]
    assert "after cuda_oom in attempt 3" in read_terms(run_dir, 4).why


def test_with_dropout_another_split_would_be_another_experiment(bench: Bench) -> None:
    [run_dir] = bench.run_dirs(1)
    plain = record(run_dir.run_id, recipe={"batch": 4, "accumulation": 1})
    replace(plain, sites=tuple(replace(site, dropout=0.1) for site in plain.sites)).write(run_dir.record)
    (run_dir.path / "behaviour").write_text("cuda_oom")
    queue.enqueue(bench.home, [bench.ticket(run_dir)])
    schedule(bench.home, bench.launcher("finish"))
    wait_until(bench.is_drained)
    assert (status_of(run_dir), view_of(run_dir).attempt) == (RunStatus.FAILED, 1)


def test_a_batch_that_fails_is_paused_and_no_other(bench: Bench) -> None:
    bad, good = bench.run_dirs(9)[:6], bench.run_dirs(9)[6:]
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
    wait_until(bench.is_drained)
    assert [status_of(run_dir) for run_dir in bad[3:]] == [RunStatus.FINISHED] * 3
    assert not queue.paused_batches(bench.home)


def test_a_run_works_where_it_was_asked_for_and_in_the_home_when_that_is_gone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, folders = bench.run_dirs(2), [bench.folder / name for name in ("one", "two")]
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
    wait_until(bench.is_drained)


def test_a_run_keeps_its_own_copy_of_the_plan(bench: Bench) -> None:
    [run_dir] = bench.run_dirs(1)
    record(run_dir.run_id).write(run_dir.record)
    before = run_dir.record.read_bytes()
    queue.enqueue(bench.home, [bench.ticket(run_dir)])
    assert queue.enqueue(bench.home, [bench.ticket(run_dir, priority=5)]) == []
    assert Tickets(bench.home).waiting()[0].priority == 0
    assert run_dir.record.read_bytes() == before


def test_an_observer_that_probes_does_not_keep_a_shim_from_starting(bench: Bench) -> None:
    [run_dir] = bench.run_dirs(1)
    probing = (
        "import sys, time; from pathlib import Path; from workbench.run.locks import is_held\n"
        "end = time.monotonic() + 3\n"
        "while time.monotonic() < end:\n    [is_held(Path(path)) for path in sys.argv[1:]]\n"
    )
    paths = [str(run_dir.alive_lock), str(run_dir.shim_lock), str(cpu_slots(1)[0].lock_file(bench.home))]
    observers = [subprocess.Popen([sys.executable, "-P", "-c", probing, *paths]) for _ in range(2)]
    for attempt in range(1, 4):
        queue.enqueue(bench.home, [bench.ticket(run_dir)])
        wait_until(lambda: (schedule(bench.home, bench.launcher("finish")), bench.is_drained())[1])
        assert view_of(run_dir).attempt == attempt
    for observer in observers:
        observer.kill()
        observer.wait()
    assert kinds(run_dir) == FULL * 3
