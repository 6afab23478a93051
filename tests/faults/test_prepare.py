"""Run directories made by several programs at once."""

import json
import multiprocessing
import os
import threading
import time
from pathlib import Path

import pytest

from workbench.errors import InvalidError
from workbench.run.layout import Home
from workbench.run.prepare import prepare
from workbench.run.record import RunRecord, read_record


def _record(name: str) -> RunRecord:
    return RunRecord(
        run_id="abcdef012345",
        name=name,
        plan="p",
        plan_hash="1",
        plan_file={},
        model="demo",
        model_path="demo",
        model_fingerprint="2",
        recipe_name="r",
        recipe_hash="3",
        recipe={"steps": 3},
        data={},
        data_hash="4",
        seed=0,
        reference=False,
        trainable_params=0,
        base_params=0,
        predicted_bytes={"total": 0},
        created=0.0,
        sites=(),
    )


def test_a_prepared_run_has_its_record_and_meta(tmp_path: Path) -> None:
    home = Home(tmp_path)
    run_dir = prepare(home, _record("first"))
    assert read_record(run_dir.record) == _record("first")
    assert json.loads(run_dir.meta.read_text()) == {"name": "first", "tags": [], "pinned": False, "trashed": False}
    assert home.run_dirs() == [run_dir]


def test_an_existing_run_is_kept(tmp_path: Path) -> None:
    first = prepare(Home(tmp_path), _record("first"))
    first.events.write_text("{}\n")
    assert prepare(Home(tmp_path), _record("second")) == first
    assert read_record(first.record).name == "first"
    assert first.events.exists()


def test_two_programs_prepare_the_same_run_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(4)
    programs = [context.Process(target=_prepare_together, args=(tmp_path, barrier, n)) for n in range(4)]
    for program in programs:
        program.start()
    for program in programs:
        program.join(timeout=30)
    assert [program.exitcode for program in programs] == [0, 0, 0, 0]
    assert [path.name for path in Home(tmp_path).runs.iterdir()] == ["abcdef012345"]
    assert read_record(Home(tmp_path).run_dir("abcdef012345").record).name.startswith("program")


def _prepare_together(folder: Path, barrier: threading.Barrier, number: int) -> None:
    barrier.wait(timeout=30)
    prepare(Home(folder), _record(f"program {number}"))


def test_leftovers_of_a_killed_program_are_removed(tmp_path: Path) -> None:
    old, fresh = (Home(tmp_path).runs / f".new-abcdef012345-{pid}" for pid in (1, 2))
    for path in (old, fresh):
        path.mkdir(parents=True)
        (path / "run.json").write_text("{")
    hours_ago = time.time() - 2 * 3600
    os.utime(old, (hours_ago, hours_ago))
    prepare(Home(tmp_path), _record("first"))
    assert not old.exists()
    assert fresh.exists()


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    path = Home(tmp_path).run_dir("abcdef012345").path
    path.mkdir(parents=True)
    (path / "notes.txt").write_text("mine")
    with pytest.raises(InvalidError, match=r"holds no run\.json"):
        prepare(Home(tmp_path), _record("first"))
