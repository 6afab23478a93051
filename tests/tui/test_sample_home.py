"""The packed study: what is in it, that it tells nothing about a machine, and that its home stays as it is."""

import json
import re
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest

from store.ingest import ingest
from store.lenses import save
from workbench.errors import InvalidError
from workbench.library.copies import place_of
from workbench.library.entry import Kind
from workbench.library.tags import change_tags, rename_run
from workbench.library.trash import trash_file, trash_run
from workbench.run import queue
from workbench.run.layout import Home
from workbench.run.liveness import view_of
from workbench.run.prepare import prepare
from workbench.run.record import read_record
from workbench.run.removal import remove
from workbench.run.states import RunStatus
from workbench.run.tickets import Ticket
from workbench.sample.home import STUDY, sample_home, unpack
from workbench.sample.mark import MARK, is_sample, require_own

PACKED = Path(str(files("workbench.sample"))) / "study.zip"


def test_the_package_is_small_and_tells_nothing_about_the_machine_it_ran_on() -> None:
    assert PACKED.stat().st_size < 1_500_000
    with zipfile.ZipFile(PACKED) as packed:
        for name in packed.namelist():
            assert not re.search(r"adapter\.|\.lock$|proc\.json", name), name
            text = packed.read(name).decode()
            assert not re.search(r"(?<![\w.}])/(home|root|tmp|work|mnt|opt|usr|var)/|\"pid\"|boot_id", text), name


def test_every_run_of_the_study_is_there_and_finished(tmp_path: Path) -> None:
    home = unpack(tmp_path / "s")
    lines = (home.studies / STUDY / "members.jsonl").read_text().splitlines()
    members = {line["run_id"] for line in map(json.loads, lines) if "run_id" in line}
    assert members == {run_dir.run_id for run_dir in home.run_dirs()}
    assert {view_of(run_dir).status for run_dir in home.run_dirs()} == {RunStatus.FINISHED}
    report = ingest(home)
    assert (report.warnings, report.notice) == ((), "")


def test_it_can_be_looked_at_and_not_changed(tmp_path: Path) -> None:
    home = unpack(tmp_path / "s")
    run_dir = home.run_dirs()[0]
    with pytest.raises(InvalidError, match="sample") as refused:
        prepare(home, read_record(run_dir.record))
    assert "--home" in refused.value.hint
    with pytest.raises(InvalidError, match="sample"):
        queue.enqueue(home, [Ticket(run_dir.run_id, 2)])
    plan = next(home.plans.iterdir())
    for change in (
        lambda: remove(home, run_dir),
        lambda: change_tags(run_dir, ("mine",)),
        lambda: rename_run(run_dir, "mine"),
        lambda: trash_run(home, run_dir, "mine"),
        lambda: trash_file(home, Kind.PLAN, plan.stem, plan),
        lambda: place_of(home, Kind.PLAN, "mine"),
        lambda: save(home, "mine", "from run_summary"),
    ):
        with pytest.raises(InvalidError, match="sample"):
            change()
    assert plan.exists()
    assert run_dir.record.exists()
    assert not home.queue.exists()


def test_whoever_deletes_the_mark_has_a_home_of_their_own(tmp_path: Path) -> None:
    home = unpack(tmp_path / "s")
    (home.path / MARK).unlink()
    require_own(home)
    assert not is_sample(home)


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(InvalidError, match="something"):
        unpack(tmp_path)
    with pytest.raises(InvalidError, match="something"):
        unpack(tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_it_is_unpacked_once_into_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    home = sample_home()
    assert home.path.is_relative_to(tmp_path)
    moment = (home.path / MARK).stat().st_mtime_ns
    assert sample_home() == home
    assert (home.path / MARK).stat().st_mtime_ns == moment
    assert [path.name for path in home.path.parent.iterdir()] == [home.path.name]


def test_without_a_cache_it_is_unpacked_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert is_sample(sample_home())


def test_a_home_that_is_not_there_is_no_sample(tmp_path: Path) -> None:
    assert not is_sample(Home(tmp_path / "none"))
