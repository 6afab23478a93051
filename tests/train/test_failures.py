"""Failures as they happen, each by a real trainer: the class in the log, and what is left to go on from."""

import resource
import signal
from pathlib import Path

import pytest
import torch

from tests.train.attempts import Attempts, new_run
from tests.train.trained import demo_plan, record_of, small_recipe
from workbench.errors import InvalidError
from workbench.run.checkpoints import complete_checkpoints, verify
from workbench.run.out_of_memory import out_of_memory
from workbench.train.failure import RunFailure, classify, failing_as


def _run(folder: Path, **changes: object) -> Attempts:
    recipe = small_recipe(folder, **changes)  # type: ignore[arg-type]
    return new_run(folder / "home", record_of(folder, demo_plan(folder, "* all r=4"), recipe))


@pytest.mark.slow
def test_weights_that_explode_end_the_run_and_leave_the_good_checkpoint(tmp_path: Path) -> None:
    # Warm-up: no change in the first step, infinite weights in the second, no loss in the third.
    run = _run(tmp_path, steps=9, lr=1e39, warmup=2, checkpoint_every=1, checkpoint_keep=1)
    *before, last = run.as_trainer(1)
    assert (last["kind"], last["class"]) == ("failed", "nan")
    assert "step 3" in last["message"]
    [warning] = [event["message"] for event in before if event["kind"] == "warning"]
    assert "no checkpoint after step 2: the weights hold values that are not finite" in warning
    [kept] = complete_checkpoints(run.run_dir)
    verify(kept)
    assert kept.step == 1


@pytest.mark.slow
def test_a_machine_without_memory_is_host_oom(tmp_path: Path) -> None:
    run = _run(tmp_path, steps=100_000, checkpoint_every=0)
    with run.until(1, "step 1/") as trainer:
        # From outside, as a control group would: no more address space than it has at this moment.
        _, hard = resource.prlimit(trainer.pid, resource.RLIMIT_AS)
        resource.prlimit(trainer.pid, resource.RLIMIT_AS, (1 << 20, hard))
    last = run.events(1)[-1]
    assert (trainer.returncode, last["kind"], last["class"]) == (1, "failed", "host_oom")
    assert last["hint"]


@pytest.mark.slow
def test_data_that_changes_under_a_paused_run_is_bad_data(tmp_path: Path) -> None:
    run = _run(tmp_path, steps=100_000, checkpoint_every=0)
    assert run.interrupted(1, "step 1/", "pause")[-1]["kind"] == "paused"
    data = tmp_path / "eval.jsonl"
    data.write_text(data.read_text().replace("a", "b"))
    last = run.as_trainer(2, resume=True)[-1]
    assert (last["kind"], last["class"]) == ("failed", "bad_data")
    assert len(complete_checkpoints(run.run_dir)) == 1


@pytest.mark.slow
def test_an_error_that_nobody_expected_is_a_crash(tmp_path: Path) -> None:
    run = _run(tmp_path, steps=2)
    run.run_dir.predictions(1).mkdir()  # a folder where a file has to be
    last = run.run(1)[-1]
    assert (last["kind"], last["class"]) == ("failed", "crash")
    assert "IsADirectoryError" in last["message"]


@pytest.mark.slow
def test_a_kill_leaves_checkpoints_and_no_word(tmp_path: Path) -> None:
    run = _run(tmp_path, steps=100_000, checkpoint_every=2)
    events = run.interrupted(1, "checkpoint after step 4:", "kill")
    assert events[-1]["kind"] in ("metric", "checkpoint")
    assert complete_checkpoints(run.run_dir)[0].step >= 4


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), "cuda_oom"),
        (RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 8.00 GiB total)"), "cuda_oom"),
        (RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later"), "cuda_oom"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), "cuda_oom"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 8 bytes"), "host_oom"),
        (MemoryError(), "host_oom"),
        (MemoryError("std::bad_alloc"), "host_oom"),
        (OSError(12, "Cannot allocate memory"), "host_oom"),
        (OSError(28, "No space left on device"), "disk_full"),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), "crash"),
        (KeyError("memory"), "crash"),
    ],
)
def test_the_class_is_in_the_words(error: Exception, expected: str) -> None:
    found = classify(error)
    assert (found.failure_class, bool(found.message), bool(found.hint)) == (expected, True, True)


def test_what_lies_under_an_error_counts() -> None:
    with pytest.raises(RuntimeError) as caught:
        _wrap(OSError(28, "No space left on device"))
    assert classify(caught.value).failure_class == "disk_full"
    with pytest.raises(RuntimeError) as caught:
        _wrap(torch.OutOfMemoryError("CUDA out of memory"))
    assert classify(caught.value).failure_class == "cuda_oom"


def _wrap(error: Exception) -> None:
    try:
        raise error
    except Exception as caught:
        raise RuntimeError("unexpected pos 768 vs 662") from caught


def test_a_shortage_is_not_blamed_on_a_file() -> None:
    with pytest.raises(OSError, match="Cannot allocate"), failing_as("missing_model"):
        raise OSError(12, "Cannot allocate memory")
    with pytest.raises(RunFailure) as caught, failing_as("bad_data"):
        raise InvalidError("no such column", "name another")
    assert caught.value.failure_class == "bad_data"


def test_what_bitsandbytes_prints_before_it_ends_the_process() -> None:
    assert out_of_memory("step 3/9\nError out of memory at line 380 in file /src/csrc/ops.cu\n") == "cuda_oom"
    assert out_of_memory("terminate called after throwing an instance of 'std::bad_alloc'") == "host_oom"
    assert out_of_memory(f"killed by {signal.SIGKILL!r}") is None
