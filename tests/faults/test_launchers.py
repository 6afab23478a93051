"""What every launcher must do, whatever lies behind it: the one of this machine, and a slow and forgetful one."""

import json
import os
import signal
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.faults.distant import DistantLauncher
from tests.faults.processes import Bench, kinds, wait_until
from workbench.run.events import read_events
from workbench.run.launch import Launcher, LocalLauncher, Need, RunHandle
from workbench.run.layout import Home, RunDir
from workbench.run.liveness import status_of
from workbench.run.slots import cpu_slots
from workbench.run.states import RunStatus

pytestmark = pytest.mark.slow

FULL = ["started", "metric", "metric", "metric", "finished"]
Make = Callable[[str], Launcher]


@pytest.fixture(params=["local", "distant"])
def make(bench: Bench, request: pytest.FixtureRequest) -> Make:
    """A new launcher to the same place, whose trainers behave as said."""

    def local(behaviour: str) -> Launcher:
        return bench.launcher(behaviour)

    def distant(behaviour: str) -> Launcher:
        far = Home(bench.folder / "far")
        return DistantLauncher(far, LocalLauncher(far, cpu_slots, bench.shim_command(behaviour)))

    return local if request.param == "local" else distant


def _where(bench: Bench, run_dir: RunDir) -> RunDir:
    """The run's directory on the machine that it runs on."""
    far = Home(bench.folder / "far").run_dir(run_dir.run_id)
    return far if far.path.is_dir() else run_dir


def _submitted(launcher: Launcher, run_dir: RunDir, attempt: int = 1) -> RunHandle:
    handle = launcher.submit(run_dir, Need(attempt))
    assert handle is not None
    return handle


def _until_over(launcher: Launcher, handle: RunHandle) -> RunStatus:
    wait_until(lambda: launcher.status(handle).is_over)
    return launcher.status(handle)


def test_a_run_is_live_from_its_submission_to_its_end(bench: Bench, make: Make) -> None:
    run_dir, launcher = bench.run_dir(), make("finish")
    handle = _submitted(launcher, run_dir)
    assert launcher.status(handle).is_live
    assert _until_over(launcher, handle) is RunStatus.FINISHED
    assert kinds(launcher.fetch(run_dir)) == FULL
    assert status_of(run_dir) is RunStatus.FINISHED


def test_an_attempt_is_started_once_however_often_it_is_submitted(bench: Bench, make: Make) -> None:
    run_dir, launcher = bench.run_dir(), make("finish")
    handles = [_submitted(make("finish"), run_dir) for _ in range(3)]
    assert handles == [handles[0]] * 3
    _until_over(launcher, handles[0])
    assert _submitted(launcher, run_dir) == handles[0]
    assert _until_over(launcher, handles[0]) is RunStatus.FINISHED
    assert kinds(launcher.fetch(run_dir)) == FULL


def test_there_is_room_for_as_many_as_it_says(bench: Bench, make: Make) -> None:
    launcher, runs = make("obey"), [bench.run_dir(f"{number:012x}") for number in (1, 2, 3)]
    assert launcher.capacity(2).free == launcher.capacity(2).slots == 2
    handles = [launcher.submit(run_dir, Need(1, jobs=2)) for run_dir in runs]
    assert handles[2] is None
    assert launcher.capacity(2).free == 0
    for handle in handles[:2]:
        assert handle is not None
        assert launcher.stop(handle)
        _until_over(launcher, handle)
    wait_until(lambda: launcher.capacity(2).free == 2)


@pytest.mark.parametrize(("reason", "kind"), [("user", "stopped"), ("pause", "paused")])
def test_a_stop_lets_the_run_save(bench: Bench, make: Make, reason: str, kind: str) -> None:
    run_dir, launcher = bench.run_dir(), make("obey")
    handle = _submitted(launcher, run_dir)
    wait_until(lambda: "metric" in kinds(_where(bench, run_dir)))
    assert launcher.stop(handle, reason)  # type: ignore[arg-type]
    assert _until_over(launcher, handle) == kind
    end = read_events(launcher.fetch(run_dir).events)[-1]
    assert (end["kind"], end["reason"]) == (kind, reason)
    assert not launcher.stop(handle)


def test_a_second_stop_kills(bench: Bench, make: Make) -> None:
    run_dir, launcher = bench.run_dir(), make("ignore")
    handle = _submitted(launcher, run_dir)
    wait_until(lambda: "metric" in kinds(_where(bench, run_dir)))
    assert launcher.stop(handle)
    wait_until(lambda: "warning" in kinds(_where(bench, run_dir)))
    assert launcher.stop(handle)
    assert _until_over(launcher, handle) is RunStatus.FAILED
    [failed] = read_events(launcher.fetch(run_dir).shim_events)
    assert failed["class"] == "killed_by_user"


def test_a_program_that_knows_the_handle_alone_can_go_on(bench: Bench, make: Make) -> None:
    run_dir = bench.run_dir()
    handle = RunHandle(**json.loads(json.dumps(asdict(_submitted(make("obey"), run_dir)))))
    wait_until(lambda: "metric" in kinds(_where(bench, run_dir)))
    assert make("obey").status(handle).is_live
    assert make("obey").stop(handle)
    assert _until_over(make("obey"), handle) is RunStatus.STOPPED


def test_a_run_that_lost_its_supervisor_is_supervised_again(bench: Bench, make: Make) -> None:
    run_dir, launcher = bench.run_dir(), make("obey")
    handle = _submitted(launcher, run_dir)
    there = _where(bench, run_dir)
    wait_until(lambda: "metric" in kinds(there) and json.loads(there.proc.read_text())["trainer"])
    os.kill(json.loads(there.proc.read_text())["shim"]["pid"], signal.SIGKILL)
    wait_until(lambda: launcher.status(handle) is RunStatus.UNSUPERVISED)
    assert _submitted(launcher, run_dir) == handle
    wait_until(lambda: launcher.status(handle) is RunStatus.RUNNING)
    assert launcher.stop(handle)
    assert _until_over(launcher, handle) is RunStatus.STOPPED


def test_what_is_fetched_twice_is_there_once(bench: Bench, make: Make) -> None:
    run_dir, launcher = bench.run_dir(), make("until_go")
    handle = _submitted(launcher, run_dir)
    there = _where(bench, run_dir)
    wait_until(lambda: "metric" in kinds(there))
    for _ in range(2):
        assert kinds(launcher.fetch(run_dir)) == ["started", "metric"]
    (there.path / "go").touch()
    assert _until_over(launcher, handle) is RunStatus.FINISHED
    for _ in range(2):
        assert kinds(launcher.fetch(run_dir)) == ["started", "metric", *FULL[1:]]


def test_a_failure_comes_with_its_class_and_log(bench: Bench, make: Make) -> None:
    run_dir, launcher = bench.run_dir(), make("exit3")
    assert _until_over(launcher, _submitted(launcher, run_dir)) is RunStatus.FAILED
    [failed] = read_events(launcher.fetch(run_dir).shim_events)
    assert failed["class"] == "crash"
    assert "third thing" in run_dir.out(1).read_text()


def test_a_next_attempt_is_one_of_its_own(bench: Bench, make: Make) -> None:
    run_dir, launcher = bench.run_dir(), make("exit3")
    first = _submitted(launcher, run_dir)
    _until_over(launcher, first)
    second = _submitted(make("finish"), run_dir, attempt=2)
    assert second == RunHandle(first.run_id, 2)
    assert _until_over(launcher, second) is RunStatus.FINISHED
    assert not launcher.stop(first)
    attempts = {event["attempt"] for event in read_events(launcher.fetch(run_dir).events)}
    assert attempts == {1, 2}


def test_a_run_folder_that_is_not_there_is_said(bench: Bench, make: Make) -> None:
    with pytest.raises(FileNotFoundError):
        make("finish").submit(RunDir(Path(bench.home.path / "runs" / "nowhere")), Need(1))
