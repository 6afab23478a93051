"""What the shim does when things end, break, or are told to stop."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.processes import Bench, kinds, shim_failure, trainer_of, wait_until
from workbench.run import shim as shim_module
from workbench.run.control import request_kill, request_stop
from workbench.run.events import read_events
from workbench.run.handoff import Handoff
from workbench.run.layout import Home
from workbench.run.liveness import status_of, view_of
from workbench.run.locks import is_held
from workbench.run.process import ProcessId, identify, is_alive, signal_process
from workbench.run.slots import Slot, acquire, cpu_slots
from workbench.run.states import RunStatus

pytestmark = pytest.mark.slow

NEVER = "600"


def test_a_run_that_finishes(bench: Bench) -> None:
    run_dir = bench.run_dir()
    assert bench.start(run_dir, "finish").wait() == 0
    assert kinds(run_dir) == ["started", "metric", "metric", "metric", "finished"]
    assert not run_dir.shim_events.exists()
    assert status_of(run_dir) is RunStatus.FINISHED
    repro = json.loads(run_dir.repro(1).read_text())
    assert repro["packages"]["adapter-workbench"]
    assert repro["hardware"]["cores"] >= 1


def test_proc_json_names_both_processes(bench: Bench) -> None:
    run_dir = bench.run_dir()
    handoff = Handoff(slot="cpu.0", threads=2)
    started = bench.start_and_reach(run_dir, "wait", "metric", **handoff.environment())
    raw = json.loads(run_dir.proc.read_text())
    assert raw["shim"]["pid"] == started.shim.pid
    assert raw["pgid"] == raw["trainer"]["pid"] == os.getpgid(started.trainer.pid)
    assert (raw["slot"], raw["attempt"], raw["threads"]) == ("cpu.0", 1, 2)
    assert os.getsid(started.shim.pid) == started.shim.pid
    started.shim.terminate()
    assert started.shim.wait() == 1


def test_a_trainer_that_exits_with_an_error_is_a_crash_with_its_last_lines(bench: Bench) -> None:
    run_dir = bench.run_dir()
    assert bench.start(run_dir, "exit3").wait() == 1
    failure = shim_failure(run_dir)
    assert (failure["class"], failure["exit_code"], failure["attempt"]) == ("crash", 3, 1)
    assert "the third thing went wrong" in failure["message"]
    view = view_of(run_dir)
    assert view.status is RunStatus.FAILED
    assert view.failure is not None
    assert view.failure.failure_class == "crash"


def test_a_trainer_that_ends_without_a_word_has_crashed(bench: Bench) -> None:
    run_dir = bench.run_dir()
    assert bench.start(run_dir, "silent").wait() == 1
    failure = shim_failure(run_dir)
    assert (failure["class"], failure["exit_code"]) == ("crash", 0)
    assert failure["message"]


def test_a_killed_trainer_is_recorded_by_its_shim(bench: Bench) -> None:
    run_dir = bench.run_dir()
    started = bench.start_and_reach(run_dir, "wait", "metric")
    started.kill_trainer()
    assert started.shim.wait() == 1
    failure = shim_failure(run_dir)
    assert (failure["class"], failure["signal"]) == ("killed", 9)
    assert status_of(run_dir) is RunStatus.FAILED


@pytest.mark.parametrize("by_file", [False, True])
def test_a_trainer_that_obeys_a_stop_writes_its_own_end(bench: Bench, by_file: bool) -> None:
    run_dir = bench.run_dir()
    started = bench.start_and_reach(run_dir, "obey", "metric")
    if by_file:
        request_stop(run_dir, 1)
    else:
        started.shim.terminate()
    assert started.shim.wait() == 1
    end = read_events(run_dir.events)[-1]
    assert (end["kind"], end["reason"]) == ("stopped", "user" if by_file else "preempted")
    assert not run_dir.shim_events.exists()
    assert not (run_dir.control / "stop").exists()
    assert status_of(run_dir) is RunStatus.STOPPED


def test_a_pause_is_told_to_the_trainer(bench: Bench) -> None:
    run_dir = bench.run_dir()
    started = bench.start_and_reach(run_dir, "obey", "metric")
    request_stop(run_dir, 1, "pause")
    assert started.shim.wait() == 1
    assert kinds(run_dir)[-1] == "paused"
    assert status_of(run_dir) is RunStatus.PAUSED


def test_a_trainer_that_somebody_else_ends_was_preempted(bench: Bench) -> None:
    run_dir = bench.run_dir()
    started = bench.start_and_reach(run_dir, "wait", "metric")
    os.kill(started.trainer.pid, signal.SIGTERM)
    assert started.shim.wait() == 1
    assert shim_failure(run_dir)["class"] == "preempted"


def test_a_segfault_is_a_crash_that_names_its_signal(bench: Bench) -> None:
    run_dir = bench.run_dir()
    assert bench.start(run_dir, "segfault").wait() == 1
    failure = shim_failure(run_dir)
    assert (failure["class"], failure["signal"]) == ("crash", signal.SIGSEGV)
    assert "SIGSEGV" in failure["message"]


def test_a_trainer_that_ignores_a_stop_is_killed_after_the_grace(bench: Bench) -> None:
    run_dir = bench.run_dir()
    started = bench.start_and_reach(run_dir, "ignore", "metric", WORKBENCH_GRACE="0.5")
    asked = time.monotonic()
    request_stop(run_dir, 1)
    assert started.shim.wait() == 1
    assert time.monotonic() - asked >= 0.5
    failure = shim_failure(run_dir)
    assert (failure["class"], failure["signal"]) == ("killed_by_user", 9)


def test_a_stop_file_may_name_the_grace(bench: Bench) -> None:
    run_dir = bench.run_dir()
    started = bench.start_and_reach(run_dir, "ignore", "metric", WORKBENCH_GRACE=NEVER)
    request_stop(run_dir, 1, grace=0.1)
    assert started.shim.wait(timeout=20) == 1
    assert shim_failure(run_dir)["class"] == "killed_by_user"


@pytest.mark.parametrize("by_file", [False, True])
def test_a_second_stop_kills_at_once(bench: Bench, by_file: bool) -> None:
    run_dir = bench.run_dir()
    started = bench.start_and_reach(run_dir, "ignore", "metric", WORKBENCH_GRACE=NEVER)
    request_stop(run_dir, 1) if by_file else started.shim.terminate()
    wait_until(lambda: "warning" in kinds(run_dir))
    assert status_of(run_dir) is RunStatus.STOPPING
    request_kill(run_dir, 1) if by_file else started.shim.terminate()
    assert started.shim.wait(timeout=20) == 1
    assert shim_failure(run_dir)["class"] == ("killed_by_user" if by_file else "preempted")


def test_a_stop_request_left_by_an_earlier_attempt_stops_nothing(bench: Bench) -> None:
    run_dir = bench.run_dir()
    assert bench.start(run_dir, "exit3").wait() == 1
    request_stop(run_dir, 1)
    request_kill(run_dir, 1)
    started = bench.start_and_reach(run_dir, "obey", "metric", WORKBENCH_GRACE=NEVER)
    assert status_of(run_dir) is RunStatus.RUNNING
    request_stop(run_dir, 2)
    assert started.shim.wait(timeout=20) == 1
    assert read_events(run_dir.events)[-1]["kind"] == "stopped"


def test_nothing_that_the_trainer_started_stays(bench: Bench) -> None:
    run_dir = bench.run_dir()
    assert bench.start(run_dir, "grandchildren").wait() == 0
    [telemetry] = [event for event in read_events(run_dir.events) if event["kind"] == "telemetry"]
    assert len(telemetry["pids"]) == 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in telemetry["pids"])
    assert not is_held(run_dir.alive_lock)


def test_a_second_shim_leaves_the_first_alone(bench: Bench) -> None:
    run_dir = bench.run_dir()
    first = bench.start_and_reach(run_dir, "obey", "metric")
    proc_before = run_dir.proc.read_bytes()
    assert bench.start(run_dir, "finish").wait() == 5
    assert run_dir.proc.read_bytes() == proc_before
    assert status_of(run_dir) is RunStatus.RUNNING
    assert kinds(run_dir) == ["started", "metric"]
    first.shim.terminate()
    assert first.shim.wait() == 1


def test_a_shim_does_not_repeat_an_attempt_that_another_has_done(bench: Bench) -> None:
    run_dir = bench.run_dir()
    assert bench.start(run_dir, "finish", **Handoff(attempt=1).environment()).wait() == 0
    assert bench.start(run_dir, "finish", **Handoff(attempt=1).environment()).wait() == 5
    assert status_of(run_dir) is RunStatus.FINISHED
    assert not run_dir.out(2).exists()


def test_losing_the_terminal_does_not_end_a_run(bench: Bench) -> None:
    run_dir = bench.run_dir()
    started = bench.start_and_reach(run_dir, "obey", "metric")
    for number in (signal.SIGHUP, signal.SIGINT):
        started.shim.send_signal(number)
        os.killpg(started.trainer.pid, number)
    request_stop(run_dir, 1)
    assert started.shim.wait() == 1
    assert kinds(run_dir)[-1] == "stopped"


def test_a_new_attempt_after_a_torn_line(bench: Bench) -> None:
    run_dir = bench.run_dir()
    assert bench.start(run_dir, "exit3").wait() == 1
    with run_dir.events.open("ab") as file:
        file.write(b'{"v":1,"kind":"metric","att')
    assert bench.start(run_dir, "finish").wait() == 0
    events = read_events(run_dir.events)
    assert [(e["attempt"], e["kind"]) for e in events][:3] == [(1, "started"), (2, "started"), (2, "metric")]
    view = view_of(run_dir)
    assert (view.status, view.attempt, view.step, view.steps) == (RunStatus.FINISHED, 2, 3, 3)
    assert run_dir.out(1).exists()
    assert run_dir.out(2).exists()


def test_a_lease_is_free_once_everything_that_inherited_it_is_killed(bench: Bench) -> None:
    run_dir = bench.run_dir()
    lease = acquire(bench.home, cpu_slots(1))
    assert lease is not None
    os.set_inheritable(lease.descriptor, True)
    with (run_dir.path / "shim.log").open("ab") as output:
        shim = subprocess.Popen(
            [*bench.shim_command("wait"), str(run_dir.path)],
            env={**os.environ, **Handoff(lease.slot.label, lease.descriptor, 1).environment()},
            stdout=output,
            stderr=output,
            pass_fds=(lease.descriptor,),
            start_new_session=True,
        )
    bench.shims.append(shim)
    lease.close()
    wait_until(lambda: "metric" in kinds(run_dir) and trainer_of(run_dir))
    trainer = trainer_of(run_dir)
    assert trainer is not None
    shim.kill()
    shim.wait()
    assert acquire(bench.home, cpu_slots(1)) is None
    assert signal_process(trainer, signal.SIGKILL)
    wait_until(lambda: not is_alive(trainer))
    again = acquire(bench.home, [Slot("cpu", 0, "cpu")])
    assert again is not None
    again.close()


def test_a_process_that_only_shares_the_pid_is_never_signalled(bench: Bench) -> None:
    with subprocess.Popen(["sleep", NEVER]) as bystander:
        real = identify(bystander.pid)
        reused = ProcessId(real.pid, real.start_ticks + 1, real.boot_id)
        rebooted = ProcessId(real.pid, real.start_ticks, "another boot")
        assert not signal_process(reused, signal.SIGKILL)
        assert not signal_process(rebooted, signal.SIGKILL)
        assert not is_alive(rebooted)
        assert bystander.poll() is None
        assert signal_process(real, signal.SIGKILL)
        wait_until(lambda: not is_alive(real))  # a zombie until it is waited for
        assert not signal_process(real, signal.SIGKILL)
    assert not signal_process(real, signal.SIGKILL)


@pytest.mark.parametrize("arguments", [[], ["one", "two"]])
def test_a_shim_takes_exactly_one_run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert shim_module.main(arguments) == 2
    assert "RUN_DIR" in capsys.readouterr().err


def test_the_ingest_is_started_apart_from_the_shim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = tmp_path / "note"
    fake = tmp_path / "python"
    fake.write_text(f'#!/bin/sh\necho "$@" > {note}.part\nps -o sid= -p $$ >> {note}.part\nmv {note}.part {note}\n')
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    shim_module.start_ingest(Home(tmp_path / "home"))
    wait_until(note.exists)
    command, session = note.read_text().splitlines()
    assert command == f"-P -m store.ingest {tmp_path / 'home'}"
    assert int(session) != os.getsid(0)
