"""Real runs through the queue by the commands a person types, with everything done to them that can be done."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.kill_campaign import MARK, campaign
from tests.cli.command import Desk
from tests.faults.disks import LOCKS, write_protected
from tests.faults.processes import wait_until
from tests.train.here import finished_here
from workbench.run.events import read_events
from workbench.run.layout import Home, RunDir
from workbench.run.liveness import status_of
from workbench.run.process import processes_with
from workbench.run.states import RunStatus
from workbench.run.tickets import Tickets

pytestmark = pytest.mark.slow
SETTINGS = ("--recipe", "demo", "--set", "steps=8", "--set", "checkpoint_every=2")
LONG = ("--recipe", "demo", "--set", "steps=100000")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def _steps(run_dir: RunDir, attempt: int = 1) -> int:
    return sum(e["kind"] == "metric" and e["attempt"] == attempt for e in read_events(run_dir.events))


def _proc(run_dir: RunDir) -> dict[str, Any]:
    return json.loads(run_dir.proc.read_text())


def _drained(home: Home) -> bool:
    tickets = Tickets(home)
    return not tickets.waiting() and not tickets.started()


def test_paused_stopped_killed_and_resumed_runs_end_as_if_nothing_had_been(desk: Desk, tmp_path: Path) -> None:
    """One slot: the first is paused, the second loses trainer and shim, the third is stopped; all end alike."""
    home, seeds = Home(desk.home), ("--seed", "1", "--seed", "2", "--seed", "3")
    queued = desk("run", "demo-quarter-all", *SETTINGS, *seeds, "--jobs", "1", "--retries", "3", "--detach")
    assert queued.code == 0, queued.err
    first, second, third = (home.run_dir(row["run_id"]) for row in queued.json)
    assert [row["status"] for row in queued.json] == ["starting", "queued", "queued"]

    wait_until(lambda: _steps(first) >= 3, 90)
    assert desk("runs", "pause", first.run_id, "--wait").code == 0
    assert status_of(first) is RunStatus.PAUSED
    [paused] = [event for event in read_events(first.events) if event["kind"] == "paused"]
    assert paused["checkpoint"] == paused["step"]

    wait_until(lambda: _steps(second) >= 3, 90)
    os.kill(_proc(second)["shim"]["pid"], signal.SIGKILL)
    wait_until(lambda: status_of(second) is RunStatus.UNSUPERVISED)
    assert "unsupervised" in desk("runs", "list").out  # whoever looks at the queue has it supervised again
    assert desk("runs", "queue").code == 0
    wait_until(lambda: status_of(second) is not RunStatus.UNSUPERVISED)
    os.kill(_proc(second)["trainer"]["pid"], signal.SIGKILL)

    wait_until(lambda: _steps(second, 2) >= 1 or _steps(third) >= 1, 90)
    wait_until(lambda: status_of(second) is RunStatus.FINISHED or _steps(third) >= 1, 120)
    wait_until(lambda: _steps(third) >= 1, 120)
    assert desk("runs", "stop", third.run_id, "--wait").code == 0
    assert status_of(third) is RunStatus.STOPPED
    assert desk("runs", "resume", first.run_id, third.run_id).code == 0
    watched = desk("runs", "watch")
    assert watched.code == 0, watched.err
    wait_until(lambda: _drained(home), 120)
    assert [status_of(run_dir) for run_dir in (first, second, third)] == [RunStatus.FINISHED] * 3

    undisturbed = Desk(tmp_path / "undisturbed")
    undisturbed.folder.mkdir()
    finished_here(undisturbed, "demo-quarter-all", *SETTINGS, *seeds)
    expected = undisturbed("run", "demo-quarter-all", *SETTINGS, *seeds).json
    assert [answer["cached"] for answer in expected] == [True] * 3
    found = desk("run", "demo-quarter-all", *SETTINGS, *seeds).json
    assert [answer["cached"] for answer in found] == [True] * 3
    assert [answer["eval"] for answer in found] == [answer["eval"] for answer in expected]
    weights = "adapter_model.safetensors"
    for one, other in zip(found, expected, strict=True):
        assert (Path(one["adapter"]) / weights).read_bytes() == (Path(other["adapter"]) / weights).read_bytes()
    shown = desk("runs", "show", first.run_id).out
    assert "no lock is held, and the logs of attempt 2 end with `finished`" in shown
    assert "paused" in shown


def test_an_unsupervised_trainer_has_the_queue_go_on_when_it_ends(desk: Desk) -> None:
    home = Home(desk.home)
    settings = ("--recipe", "demo", "--set", "steps=3", "--jobs", "1", "--detach")
    first, second = (
        home.run_dir(row["run_id"]) for row in desk("run", "demo-quarter-all", "demo-quarter-mlp", *settings).json
    )
    wait_until(lambda: _steps(first) >= 1, 90)
    os.kill(_proc(first)["shim"]["pid"], signal.SIGKILL)
    wait_until(lambda: _drained(home) or status_of(second) is RunStatus.FINISHED, 120)
    assert [status_of(run_dir) for run_dir in (first, second)] == [RunStatus.FINISHED] * 2


def test_a_plan_that_changes_in_the_queue_changes_nothing(desk: Desk) -> None:
    plan = desk.folder / "mine.yaml"
    plan.write_text("name: mine\nmodel: demo\nbase: nf4\ndefaults: {method: lora, r: 2}\nrules: ['* attn']\n")
    settings = ("--recipe", "demo", "--set", "steps=2")
    row = desk("run", "mine.yaml", *settings, "--detach", "--hold").json
    plan.write_text("name: mine\nmodel: demo\nbase: nf4\ndefaults: {method: lora, r: 8}\nrules: ['* all']\n")
    assert desk("runs", "release", row["run_id"]).code == 0
    run_dir = Home(desk.home).run_dir(row["run_id"])
    wait_until(lambda: status_of(run_dir) is RunStatus.FINISHED, 90)
    [audit] = [event for event in read_events(run_dir.events) if event["kind"] == "audit"]
    assert audit["trainable_params"] == row["trainable_params"]
    other = desk("run", "mine.yaml", *settings, "--detach", "--hold").json
    assert other["run_id"] != row["run_id"]


def test_a_second_command_waits_for_its_turn_and_ctrl_c_takes_its_runs_alone(desk: Desk) -> None:
    home = Home(desk.home)
    first = desk("run", "demo-quarter-all", *LONG, "--jobs", "1", "--detach").json
    try:
        command = desk.start("run", "demo-quarter-mlp", *LONG, "--jobs", "1")
        assert command.stderr is not None
        assert any("waiting (1 to start)" in line for line in command.stderr)
        os.kill(command.pid, signal.SIGINT)
        out, _err = command.communicate(timeout=60)
        assert (command.returncode, json.loads(out)["status"]) == (130, "stopped")
        assert status_of(home.run_dir(first["run_id"])).is_live
    finally:
        assert desk("runs", "stop", "--all", "--kill", "--wait").code == 0


@pytest.mark.parametrize("kind", LOCKS)
def test_a_home_on_a_read_only_mount_is_shown_and_not_changed(desk: Desk, kind: str) -> None:
    row = desk("run", "demo-quarter-all", "--recipe", "demo", "--detach", "--hold").json
    assert desk("runs", "list").code == 0
    queue = [folder for folder in (desk.home / "queue").rglob("*") if folder.is_dir()]
    with write_protected(desk, kind) as protected, _all_closed([desk.home / "queue", *queue], kind):
        for words in (("list",), ("queue",), ("watch", "--once"), ("show", row["run_id"])):
            shown = protected("runs", *words)
            assert (shown.code, row["run_id"] in shown.out) == (0, True), shown.err
        for words in (("hold", row["run_id"]), ("stop", row["run_id"]), ("release", row["run_id"])):
            refused = protected("runs", *words)
            assert refused.code == 1
            assert "--home" in refused.err
            assert "Traceback" not in refused.err
    assert [ticket.run_id for ticket in Tickets(Home(desk.home)).waiting()] == [row["run_id"]]


@contextmanager
def _all_closed(folders: list[Path], kind: str) -> Iterator[None]:
    """Permissions are each folder's own; a mount needs nothing more."""
    for folder in folders if kind == "permissions" else ():
        folder.chmod(0o555)
    try:
        yield
    finally:
        for folder in folders if kind == "permissions" else ():
            folder.chmod(0o755)


def test_ten_kills_at_random_moments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MARK, str(tmp_path))
    result = campaign(tmp_path, runs=3, kills=10, seed=1, steps=8, minutes=8)
    assert result["wrong"] == {name: [] for name in result["wrong"]}
    assert result["looks"] > 50
    assert not processes_with({MARK: str(tmp_path)})
