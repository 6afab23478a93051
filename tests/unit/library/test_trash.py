"""The trash: away and back, byte for byte, and never what is live."""

import os
from pathlib import Path

import pytest

from tests.store.helpers import record, write_run
from workbench.errors import NotFoundError, UsageError
from workbench.library.entry import Kind
from workbench.library.trash import empty, items, restore, trash_file, trash_folder, trash_run
from workbench.run import locks
from workbench.run.layout import Home
from workbench.run.states import WrongStateError

RUN = "0123456789ab"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def _plan(home: Home, name: str, text: str = "model: demo\n") -> Path:
    home.plans.mkdir(parents=True, exist_ok=True)
    path = home.plans / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plan_comes_back_as_it_was(home: Home) -> None:
    path = _plan(home, "mine", "# my words\nmodel: demo\n")
    item = trash_file(home, Kind.PLAN, "mine", path)
    assert not path.exists()
    assert [(one.kind, one.name, one.bytes) for one in items(home)] == [("plan", "mine", 23)]
    restore(home, item.id)
    assert path.read_text(encoding="utf-8") == "# my words\nmodel: demo\n"
    assert items(home) == []
    assert list(trash_folder(home).iterdir()) == []


def test_of_two_of_one_name_the_newest_comes_back_first(home: Home) -> None:
    trash_file(home, Kind.PLAN, "mine", _plan(home, "mine", "first: 1\n"))
    trash_file(home, Kind.PLAN, "mine", path := _plan(home, "mine", "second: 2\n"))
    restore(home, "mine")
    assert path.read_text(encoding="utf-8") == "second: 2\n"
    with pytest.raises(UsageError, match="exists"):
        restore(home, "mine")
    assert len(items(home)) == 1


def test_a_run_goes_with_all_that_it_wrote(home: Home) -> None:
    run_dir = write_run(home, record(RUN))
    (run_dir.path / "adapter.1").mkdir()
    (run_dir.path / "adapter").symlink_to("adapter.1")
    trash_run(home, run_dir, "base-run")
    assert home.run_dirs() == []
    restore(home, RUN)
    assert run_dir.record.is_file()
    assert run_dir.adapter.is_dir()


def test_a_live_run_stays(home: Home) -> None:
    run_dir = write_run(home, record(RUN))
    held = [locks.take(run_dir.shim_lock), locks.take(run_dir.alive_lock)]
    try:
        with pytest.raises(WrongStateError, match=RUN):
            trash_run(home, run_dir, "base-run")
    finally:
        for descriptor in held:
            assert descriptor is not None
            os.close(descriptor)
    assert run_dir.record.is_file()
    assert items(home) == []


def test_what_is_not_of_the_home_stays(home: Home, tmp_path: Path) -> None:
    outside = tmp_path / "mine.yaml"
    outside.write_text("model: demo\n", encoding="utf-8")
    with pytest.raises(UsageError, match="is not in"):
        trash_file(home, Kind.PLAN, "mine", outside)
    assert outside.exists()


def test_a_damaged_note_hides_its_thing_and_no_other(home: Home) -> None:
    item = trash_file(home, Kind.PLAN, "mine", _plan(home, "mine"))
    other = trash_file(home, Kind.PLAN, "other", _plan(home, "other"))
    (trash_folder(home) / item.id / "trashed.json").write_text('{"kind": "plan", "origin": "../../etc"}')
    assert [one.id for one in items(home)] == [other.id]
    with pytest.raises(NotFoundError, match="mine"):
        restore(home, "mine")


def test_emptying_deletes_what_was_chosen(home: Home) -> None:
    item = trash_file(home, Kind.PLAN, "mine", _plan(home, "mine"))
    trash_file(home, Kind.PLAN, "other", _plan(home, "other"))
    assert empty(home, [item]) == 12
    assert [one.name for one in items(home)] == ["other"]
