"""Checkpoints on disk: whole or not there, whatever happens to their writer."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.errors import InvalidError
from workbench.run.checkpoints import (
    Checkpoint,
    checkpoint_bytes,
    complete_checkpoints,
    estimated_bytes,
    incomplete_checkpoints,
    remove_checkpoints,
    verify,
)
from workbench.run.layout import RunDir
from workbench.run.new_checkpoint import keep_newest, make_checkpoint, remove_debris

WRITER = """
import sys
from pathlib import Path
from workbench.run.checkpoints import complete_checkpoints
from workbench.run.layout import RunDir
from workbench.run.new_checkpoint import keep_newest, make_checkpoint

run_dir = RunDir(Path(sys.argv[1]))

def fill(folder):
    for name in ("one", "two", "three"):
        (folder / name).write_bytes(name.encode() * 1000)

step = max((checkpoint.step for checkpoint in complete_checkpoints(run_dir)), default=0)
while True:
    step += 1
    make_checkpoint(run_dir, step, 1, {}, fill)
    print(step, flush=True)
    keep_newest(run_dir, 2)
"""


def _make(run_dir: RunDir, step: int, attempt: int = 1, text: str = "weights") -> Path:
    def fill(folder: Path) -> None:
        (folder / "adapter").mkdir()
        (folder / "adapter" / "weights").write_text(text)
        (folder / "training.pt").write_text("state")

    return make_checkpoint(run_dir, step, attempt, {"evaluated": 0}, fill)


def _steps(run_dir: RunDir) -> list[tuple[int, int]]:
    return [(found.attempt, found.step) for found in complete_checkpoints(run_dir)]


def test_a_checkpoint_says_what_it_is(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    assert complete_checkpoints(run_dir) == []
    path = _make(run_dir, 100, 2)
    [found] = complete_checkpoints(run_dir)
    assert found == Checkpoint(100, path, checkpoint_bytes(run_dir), 2)
    assert path.name == "step-000100"
    verify(found)
    manifest = json.loads((path / "manifest.json").read_text())
    assert (manifest["step"], manifest["attempt"], manifest["evaluated"]) == (100, 2, 0)
    assert set(manifest["files"]) == {"adapter/weights", "training.pt"}


def test_a_later_attempt_is_newer_than_a_later_step(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    for step, attempt in ((50, 1), (100, 1), (20, 2)):
        _make(run_dir, step, attempt)
    assert _steps(run_dir) == [(2, 20), (1, 100), (1, 50)]
    keep_newest(run_dir, 2)
    assert _steps(run_dir) == [(2, 20), (1, 100)]


def test_the_same_step_of_a_later_attempt_takes_the_place(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    _make(run_dir, 5, 1, "old")
    path = _make(run_dir, 5, 2, "new")
    assert _steps(run_dir) == [(2, 5)]
    assert (path / "adapter" / "weights").read_text() == "new"
    assert [entry.name for entry in run_dir.checkpoints.iterdir()] == ["step-000005"]


@pytest.mark.parametrize("damage", ["manifest", "torn manifest", "file", "size", "list"])
def test_what_lacks_something_is_not_complete_and_says_why(tmp_path: Path, damage: str) -> None:
    run_dir = RunDir(tmp_path)
    _make(run_dir, 1)
    path = _make(run_dir, 2)
    match damage:
        case "manifest":
            (path / "manifest.json").unlink()
        case "torn manifest":
            (path / "manifest.json").write_text('{"step": 2,')
        case "list":
            (path / "manifest.json").write_text('{"step": 2, "attempt": 1, "files": []}')
        case "file":
            (path / "training.pt").unlink()
        case "size":
            (path / "training.pt").write_text("stat")
    assert _steps(run_dir) == [(1, 1)]
    [(where, why)] = incomplete_checkpoints(run_dir).items()
    assert where == path
    assert ("training.pt" if damage in ("file", "size") else "manifest.json") in why
    keep_newest(run_dir, 1)
    assert _steps(run_dir) == [(1, 1)], "a damaged one pushes no good one out"


def test_a_changed_bit_is_found_by_reading(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    path = _make(run_dir, 2)
    (path / "training.pt").write_text("stata")
    [found] = complete_checkpoints(run_dir)
    with pytest.raises(InvalidError, match=r"training.pt is not what was written") as caught:
        verify(found)
    assert str(path) in caught.value.title
    (path / "training.pt").unlink()
    with pytest.raises(InvalidError, match=r"training.pt cannot be read"):
        verify(found)


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    _make(run_dir, 1)

    def fill(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        make_checkpoint(run_dir, 2, 1, {}, fill)
    assert [entry.name for entry in run_dir.checkpoints.iterdir()] == ["step-000001"]


def test_sizes_and_removal(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    assert checkpoint_bytes(run_dir) == 0
    assert remove_checkpoints(run_dir) == 0
    _make(run_dir, 1)
    (run_dir.checkpoints / ".step-000002.new").mkdir()
    (run_dir.checkpoints / ".step-000002.new" / "half").write_text("half")
    [found] = complete_checkpoints(run_dir)
    assert checkpoint_bytes(run_dir) == found.bytes + 4
    assert remove_checkpoints(run_dir) == found.bytes + 4
    assert not run_dir.checkpoints.exists()


def test_the_estimate_grows_with_what_is_trained() -> None:
    assert estimated_bytes(1_000_000, "adamw") > estimated_bytes(1_000_000, "mezo") > 4_000_000


@pytest.mark.slow
def test_a_writer_killed_at_any_moment_leaves_whole_checkpoints(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    reached = 0
    for lines in range(1, 13):
        command = [sys.executable, "-P", "-c", WRITER, str(tmp_path)]
        with subprocess.Popen(command, text=True, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            for line, _ in zip(writer.stdout, range(lines), strict=False):
                reached = int(line)
            writer.kill()
        found = complete_checkpoints(run_dir)
        assert found[0].step >= reached
        assert len(found) in (1, 2, 3)
        for checkpoint in found:
            verify(checkpoint)
        assert incomplete_checkpoints(run_dir) == {}
    remove_debris(run_dir)
    assert all(entry.name.startswith("step-") for entry in run_dir.checkpoints.iterdir())
