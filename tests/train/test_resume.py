"""A run that was interrupted and resumed ends as one that was not, bit by bit."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.train.attempts import Attempts, assert_same_end, new_run
from tests.train.trained import demo_plan, record_of, small_recipe
from workbench.run.record import RunRecord

pytestmark = pytest.mark.slow
STEPS = 6
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "adamw": ("* all r=4", {}),
    "adamw_8bit": ("* all r=32", {"optimizer": "adamw_8bit"}),  # smaller matrices have 32-bit states
    "paged_adamw_32bit": ("* all r=4", {"optimizer": "paged_adamw_32bit", "schedule": "cosine"}),
    "paged_adamw_8bit": ("* all r=32", {"optimizer": "paged_adamw_8bit", "schedule": "linear", "warmup": 3}),
    "mezo": ("* all r=4 dropout=0.1", {"optimizer": "mezo", "weight_decay": 0.1}),
    "dropout": ("* all r=4 dropout=0.2", {"accumulation": 2, "gradient_checkpointing": True}),
    "dora": ("* attn r=4 method=dora", {"weight_decay": 0.01}),
    "irqlora": ("* all r=4 method=irqlora", {}),
    "pissa": ("* all r=4 init=pissa", {}),
    "loftq": ("* mlp r=4 init=loftq", {"gradient_checkpointing": True}),
    "qablora": ("* all r=4 method=qablora pool=32 base=int4 blocksize=32", {}),
}


def _record(folder: Path, rule: str, **changes: Any) -> RunRecord:
    folder.mkdir(parents=True, exist_ok=True)
    recipe = small_recipe(folder, **{"steps": STEPS, "eval_every": 2, "checkpoint_every": 3, **changes})
    return record_of(folder, demo_plan(folder, rule), recipe)


@pytest.fixture
def twins(tmp_path: Path) -> tuple[Attempts, Attempts]:
    """The same run in two homes."""
    record = _record(tmp_path, "* all r=4")
    return new_run(tmp_path / "one", record), new_run(tmp_path / "other", record)


@pytest.mark.parametrize("case", CASES)
def test_every_optimizer_and_start_goes_on_as_if_nothing_had_been(tmp_path: Path, case: str) -> None:
    rule, changes = CASES[case]
    record = _record(tmp_path, rule, **changes)
    whole, cut = new_run(tmp_path / "whole", record), new_run(tmp_path / "cut", record)
    whole.here(1)
    stopped = cut.here(1, stop_at=("metric", 5))
    assert [e["step"] for e in stopped if e["kind"] == "checkpoint"] == [3, 5]
    resumed = cut.here(2, resume=True)
    assert [e["step"] for e in resumed if e["kind"] == "metric"] == [6]
    assert "warning" not in {e["kind"] for e in resumed if "paged" not in e.get("message", "")}
    assert_same_end(whole, 1, cut, 2)


@pytest.mark.parametrize("number", range(5))
def test_real_trainers_interrupted_at_random(tmp_path: Path, number: int) -> None:
    """Stopped, or killed some time after a checkpoint, at a point that is drawn from a seed."""
    draw = random.Random(number)
    case = ("adamw", "adamw_8bit", "mezo", "dropout", "loftq")[number]
    how = "kill" if number % 2 else draw.choice(["user", "pause", "preempted"])
    steps, every = 14, draw.choice([2, 3])
    rule, changes = CASES[case]
    record = _record(tmp_path, rule, **changes, steps=steps, checkpoint_every=every)
    whole, cut = new_run(tmp_path / "whole", record), new_run(tmp_path / "cut", record)
    whole.here(1)
    point = every * draw.randrange(1, (steps - 2) // every) if how == "kill" else draw.randrange(1, steps - 2)
    first = cut.interrupted(1, f"checkpoint after step {point}:" if how == "kill" else f"step {point}/", how)
    assert first[-1]["kind"] != "finished", (how, point)
    [resumed] = [event for event in cut.as_trainer(2, resume=True) if event["kind"] == "resumed"]
    assert (resumed["step"] >= point, resumed["from_attempt"]) == (True, 1)
    assert_same_end(whole, 1, cut, 2)
    if case == "adamw_8bit":
        states = [state["__bnb_optimizer_quant_state__"] for state in whole.rule_state()["optimizer"]["state"].values()]
        assert torch.uint8 in {state["state1"].dtype for state in states}


def test_an_evaluation_that_a_stop_cut_short_is_the_first_thing_done(twins: tuple[Attempts, Attempts]) -> None:
    whole, cut = twins
    whole.here(1)
    first = cut.here(1, stop_at=("metric", 4))
    assert [e["step"] for e in first if e["kind"] == "eval" and e["evaluator"] == "loss"] == [2]
    kinds = [event["kind"] for event in cut.here(2, resume=True)]
    assert kinds[kinds.index("resumed") + 1 :][:3] == ["eval", "eval", "metric"]
    assert_same_end(whole, 1, cut, 2)


def test_a_stop_after_the_last_step_leaves_only_the_rest_to_do(twins: tuple[Attempts, Attempts]) -> None:
    whole, cut = twins
    whole.here(1)
    first = cut.here(1, stop_at=("metric", STEPS))
    assert (first[-1]["kind"], first[-1]["step"], first[-1]["checkpoint"]) == ("stopped", STEPS, STEPS)
    second = cut.here(2, resume=True)
    assert "metric" not in {event["kind"] for event in second}
    assert_same_end(whole, 1, cut, 2)


def test_pausing_again_and_again(twins: tuple[Attempts, Attempts]) -> None:
    whole, cut = twins
    whole.here(1)
    for attempt, step in ((1, 1), (2, 2), (3, 5)):
        last = cut.here(attempt, resume=attempt > 1, stop_at=("metric", step), reason="pause")[-1]
        assert (last["kind"], last["step"], last["checkpoint"]) == ("paused", step, step)
    last = cut.here(4, resume=True)[-1]
    assert_same_end(whole, 1, cut, 4)
    seconds = [event["train_seconds"] for event in map(lambda n: cut.events(n)[-1], (1, 2, 3, 4))]
    assert seconds == sorted(seconds)
    assert last["device_seconds"] > cut.events(3)[-1]["device_seconds"]


def test_a_stop_before_the_first_step_needs_no_checkpoint(twins: tuple[Attempts, Attempts]) -> None:
    whole, cut = twins
    whole.here(1)
    last = cut.here(1, stop_at=("started", None))[-1]  # type: ignore[arg-type]
    assert (last["kind"], last["step"], last["checkpoint"]) == ("stopped", 0, None)
    assert not cut.run_dir.checkpoints.exists()
    second = cut.here(2, resume=True)
    [warning] = [event["message"] for event in second if event["kind"] == "warning"]
    assert "starts at step 0" in warning
    assert "resumed" not in {event["kind"] for event in second}
    assert_same_end(whole, 1, cut, 2)


@pytest.mark.parametrize("damage", ["a bit", "a tensor", "the manifest", "a file", "everything"])
def test_damaged_checkpoints_are_passed_over_and_named(twins: tuple[Attempts, Attempts], damage: str) -> None:
    whole, cut = twins
    whole.here(1)
    cut.here(1, stop_at=("metric", 5))
    newest, older = (cut.run_dir.checkpoints / f"step-{step:06d}" for step in (5, 3))
    if damage == "a bit":
        _flip(newest / "training.pt")
    elif damage == "a tensor":
        _flip(newest / "adapter" / "adapter_model.safetensors")
    elif damage == "the manifest":
        (newest / "manifest.json").write_text("{")
    elif damage == "a file":
        (newest / "training.pt").unlink()
    else:
        _flip(newest / "training.pt")
        _flip(older / "training.pt")
    second = cut.here(2, resume=True)
    warnings = [event["message"] for event in second if event["kind"] == "warning"]
    assert "step-000005 is passed over" in warnings[0]
    resumed = [event["step"] for event in second if event["kind"] == "resumed"]
    assert resumed == ([] if damage == "everything" else [3])
    assert_same_end(whole, 1, cut, 2)


def test_a_checkpoint_is_an_adapter_that_can_be_opened(twins: tuple[Attempts, Attempts]) -> None:
    from safetensors.torch import load_file

    whole, cut = twins
    whole.here(1)
    cut.here(1, stop_at=("metric", STEPS))
    tensors = load_file(cut.run_dir.checkpoints / f"step-{STEPS:06d}" / "adapter" / "adapter_model.safetensors")
    assert tensors.keys() == load_file(whole.run_dir.adapter / "adapter_model.safetensors").keys()
    assert cut.weights(1) == whole.weights(1)


def test_a_retry_from_the_start_is_resumed_from_its_own_checkpoints(twins: tuple[Attempts, Attempts]) -> None:
    whole, cut = twins
    whole.here(1)
    cut.here(1, stop_at=("metric", 5))
    cut.here(2, stop_at=("metric", 1))
    assert sorted(path.name for path in cut.run_dir.checkpoints.iterdir()) == ["step-000001", "step-000005"]
    [resumed] = [event for event in cut.here(3, resume=True) if event["kind"] == "resumed"]
    assert (resumed["step"], resumed["from_attempt"]) == (1, 2)
    assert_same_end(whole, 1, cut, 3)


def test_other_circumstances_are_said(twins: tuple[Attempts, Attempts]) -> None:
    _, cut = twins
    cut.here(1, stop_at=("metric", 5))
    manifest = cut.run_dir.checkpoints / "step-000005" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"threads": 1', '"threads": 3'))
    [warning] = [event["message"] for event in cut.here(2, resume=True) if event["kind"] == "warning"]
    assert "the last bits may differ" in warning
    assert "threads 3, now 1" in warning


def _flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def test_old_records_without_the_keys_are_trained(tmp_path: Path) -> None:
    record = _record(tmp_path, "* all r=2", steps=1, eval_every=0)
    kept = {key: value for key, value in record.recipe.items() if not key.startswith("checkpoint")}
    run = new_run(tmp_path / "old", replace(record, recipe=kept))
    assert run.here(1)[-1]["kind"] == "finished"
