"""The trainer as the supervisor starts it: a process that is given a run directory."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.processes import wait_until
from tests.train.here import trained_here
from tests.train.support import demo_recipe, demo_sites, make_record, told
from workbench.run import locks
from workbench.run.control import Reason, mark_stopping
from workbench.run.events import read_events
from workbench.run.layout import Home, RunDir
from workbench.run.record import RunRecord

pytestmark = pytest.mark.slow
COMMAND = [sys.executable, "-P", "-m", "workbench.train"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "WORKBENCH_ATTEMPT": "1"}


def _prepare(folder: Path, record: RunRecord) -> RunDir:
    run_dir = Home(folder / "home").run_dir(record.run_id)
    run_dir.path.mkdir(parents=True)
    record.write(run_dir.record)
    return run_dir


def _train(run_dir: RunDir) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, str(run_dir.path)], env=ENVIRONMENT, text=True, capture_output=True, check=False)


def test_a_run_from_its_record_to_its_results(tmp_path: Path) -> None:
    run_dir = _prepare(tmp_path, make_record(demo_sites(), demo_recipe(steps=4, eval_every=2)))
    done = _train(run_dir)
    assert done.returncode == 0, done.stderr
    events = told(run_dir)
    kinds = [event["kind"] for event in events]
    assert kinds[:3] == ["started", "base_ready", "audit"]
    assert kinds[-2:] == ["site_stats", "finished"]
    assert [e["step"] for e in events if e["kind"] == "metric"] == [1, 2, 3, 4]
    evaluations = [(e["step"], e["evaluator"]) for e in events if e["kind"] == "eval"]
    assert evaluations == [(s, n) for s in (2, 4) for n in ("loss", "token_accuracy", "exact_match")]
    assert events[2]["ok"] is True
    assert events[-1]["step"] == 4
    assert events[-1]["adapter_bytes"] == (run_dir.adapter / "adapter_model.safetensors").stat().st_size
    predictions = [json.loads(line) for line in run_dir.predictions(1).read_text().splitlines()]
    assert len(predictions) == 2 * 240
    numbers = [e["seq"] for e in read_events(run_dir.events)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_reference_run_only_evaluates(tmp_path: Path) -> None:
    run_dir = _prepare(tmp_path, make_record(demo_sites(None)))
    assert trained_here(run_dir) == 0
    events = told(run_dir)
    assert [e["kind"] for e in events] == ["started", "base_ready", "audit", *["eval"] * 3, "site_stats", "finished"]
    assert {e["step"] for e in events if e["kind"] == "eval"} == {0}
    assert not run_dir.adapter.exists()


@pytest.mark.parametrize(
    ("note", "end"), [("user", ("stopped", "user")), ("pause", ("paused", None)), (None, ("stopped", "preempted"))]
)
def test_sigterm_finishes_the_step_saves_and_says_why(
    tmp_path: Path, note: Reason | None, end: tuple[str, str | None]
) -> None:
    run_dir = _prepare(tmp_path, make_record(demo_sites(), demo_recipe(steps=100_000)))
    mark_stopping(run_dir, 7, "user")  # another attempt's
    with subprocess.Popen([*COMMAND, str(run_dir.path)], env=ENVIRONMENT, text=True, stdout=subprocess.PIPE) as trainer:
        assert trainer.stdout is not None
        for line in trainer.stdout:
            if line.startswith("step 1/"):
                break
        if note:
            mark_stopping(run_dir, 1, note)
        trainer.send_signal(signal.SIGTERM)
        trainer.communicate(timeout=60)
    assert trainer.returncode == 0
    events = told(run_dir)
    assert (events[-1]["kind"], events[-1].get("reason")) == end
    assert events[-2]["kind"] == "checkpoint"
    last = max(e["step"] for e in events if e["kind"] == "metric")
    assert events[-1]["step"] == events[-1]["checkpoint"] == events[-2]["step"] == last
    assert (run_dir.adapter_of(1) / "adapter_config.json").is_file()
    assert "site_stats" not in {e["kind"] for e in events}


def test_a_stop_before_the_base_is_loaded_ends_at_once(tmp_path: Path) -> None:
    run_dir = _prepare(tmp_path, make_record(demo_sites(), demo_recipe(steps=2)))
    with subprocess.Popen([*COMMAND, str(run_dir.path)], env=ENVIRONMENT, stdout=subprocess.DEVNULL) as trainer:
        wait_until(run_dir.events.exists)  # its libraries take seconds from here
        trainer.send_signal(signal.SIGTERM)
    events = told(run_dir)
    assert [event["kind"] for event in events] == ["started", "stopped"]
    assert (events[-1]["step"], events[-1]["checkpoint"], events[-1]["reason"]) == (0, None, "preempted")
    assert not run_dir.adapter_of(1).exists()


def test_a_stop_is_heard_while_merged_models_are_evaluated(tmp_path: Path) -> None:
    targets = ("fp32", "fp32-original", "bf16", "bf16-original", "nf4", "nf4-original")
    run_dir = _prepare(tmp_path, make_record(demo_sites(), demo_recipe(steps=2, merge_eval=targets)))
    with subprocess.Popen([*COMMAND, str(run_dir.path)], env=ENVIRONMENT, text=True, stdout=subprocess.PIPE) as trainer:
        assert trainer.stdout is not None
        for line in trainer.stdout:
            if "kept@fp32 " in line:
                break
        trainer.send_signal(signal.SIGTERM)
        trainer.communicate(timeout=60)
    events = told(run_dir)
    assert (events[-1]["kind"], events[-1]["step"]) == ("stopped", 2)
    evaluators = {event["evaluator"] for event in events if event["kind"] == "eval"}
    assert "loss@fp32" in evaluators
    assert "loss@nf4-original" not in evaluators
    assert run_dir.adapter_of(1).is_dir()


def test_a_stopped_attempt_leaves_the_finished_adapter_and_its_statistics(tmp_path: Path) -> None:
    run_dir = _prepare(tmp_path, make_record(demo_sites(), demo_recipe(steps=2)))
    assert trained_here(run_dir) == 0
    make_record(demo_sites(), demo_recipe(steps=100_000)).write(run_dir.record)
    before = (run_dir.adapter / "adapter_model.safetensors").read_bytes()
    environment = {**ENVIRONMENT, "WORKBENCH_ATTEMPT": "2"}
    with subprocess.Popen([*COMMAND, str(run_dir.path)], env=environment, text=True, stdout=subprocess.PIPE) as trainer:
        assert trainer.stdout is not None
        for line in trainer.stdout:
            if line.startswith("audit"):
                break
        trainer.send_signal(signal.SIGTERM)
        trainer.communicate(timeout=60)
    events = told(run_dir)
    endings = [(e["kind"], e["attempt"]) for e in events if e["kind"] in ("finished", "stopped")]
    assert endings == [("finished", 1), ("stopped", 2)]
    assert (run_dir.adapter / "adapter_model.safetensors").read_bytes() == before
    assert {e["attempt"] for e in events if e["kind"] == "site_stats"} == {1}
    assert run_dir.adapter_of(2).is_dir()


def test_data_that_changed_since_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text('{"prompt": "a=", "completion": "a"}\n' * 20)
    run_dir = _prepare(tmp_path, make_record(demo_sites(), demo_recipe(data=str(data), eval_data=None)))
    data.write_text('{"prompt": "b=", "completion": "b"}\n' * 20)
    assert trained_here(run_dir) == 1
    last = told(run_dir)[-1]
    assert (last["kind"], last["class"]) == ("failed", "bad_data")
    assert "changed" in last["message"]


def test_a_missing_model_is_a_failure_with_its_class(tmp_path: Path) -> None:
    record = replace(make_record(demo_sites()), model_path=str(tmp_path / "gone"))
    run_dir = _prepare(tmp_path, record)
    assert _train(run_dir).returncode == 1
    last = told(run_dir)[-1]
    assert (last["kind"], last["class"]) == ("failed", "missing_model")


def test_a_plan_that_differs_from_the_model_never_trains(tmp_path: Path) -> None:
    record = replace(make_record(demo_sites()), trainable_params=7)
    run_dir = _prepare(tmp_path, record)
    assert trained_here(run_dir) == 1
    events = told(run_dir)
    assert [e["kind"] for e in events][-2:] == ["audit", "failed"]
    assert events[-2]["ok"] is False
    assert events[-2]["differences"][0]["key"] == "trainable_params"
    assert events[-1]["class"] == "audit_mismatch"
    assert "metric" not in {e["kind"] for e in events}


def test_wrong_usage_is_exit_code_two(tmp_path: Path) -> None:
    done = subprocess.run([*COMMAND, str(tmp_path)], text=True, capture_output=True, check=False)
    assert done.returncode == 2
    assert "usage: python -P -m workbench.train RUN_DIR" in done.stderr


# A trainer that fails before it loads anything: what counts is what it does then.
SCHEDULING = """
import sys
python, sys.executable = sys.executable, sys.argv[1]
import workbench.train.__main__ as trainer
trainer._attempt = lambda *_: 1
sys.exit(trainer.main(sys.argv[2:]))
"""


@pytest.mark.parametrize("shim", ["alive", "dead", "none"])
def test_a_trainer_without_its_shim_has_the_queue_go_on(tmp_path: Path, shim: str) -> None:
    run_dir = _prepare(tmp_path, make_record(demo_sites()))
    note, python = tmp_path / "note", tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\nif [ "$3" = workbench.run.after ]; then exec {sys.executable} "$@"; fi\n'
        f'echo "$@" > {note}.part\nmv {note}.part {note}\n'
    )
    python.chmod(0o755)
    lock = locks.take(run_dir.shim_lock) if shim != "none" else None
    if shim == "dead" and lock is not None:
        os.close(lock)
    command = [sys.executable, "-P", "-c", SCHEDULING, str(python), str(run_dir.path)]
    assert subprocess.run(command, env=ENVIRONMENT, check=False, capture_output=True).returncode == 1
    if shim == "dead":
        wait_until(note.exists)
        assert note.read_text().split() == ["-P", "-m", "workbench.run.schedule", str(run_dir.home.path)]
    else:
        assert not _children_of_the_note(tmp_path)
        assert not note.exists()
    if shim == "alive" and lock is not None:
        os.close(lock)


def _children_of_the_note(folder: Path) -> list[str]:
    """Processes that have the recording stand-in on their command line."""
    lines = subprocess.run(["ps", "-eo", "args"], text=True, capture_output=True, check=True).stdout.splitlines()
    return [line for line in lines if str(folder / "python") in line]
