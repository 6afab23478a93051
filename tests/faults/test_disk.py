"""What the store and the home meet: full disks, write protection, other programs, damage, newer formats."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.connection import writing
from store.ingest import ingest
from store.schema import FORMAT
from tests.cli.command import Answer, Desk
from tests.faults.disks import LOCKS, MOUNTS, SHORTAGES, Shortage, fill, free, shortage, small_disk, write_protected
from tests.faults.processes import wait_until
from tests.store.helpers import HOLDER, Metric, finished_run, record, rows, steps
from workbench.run.events import RESERVE_BYTES, EventLog, read_events, reserve_of
from workbench.run.layout import Home, RunDir

pytestmark = pytest.mark.slow

COUNT = ("sql", "--json", "select count(*) n, count(distinct (run_id, step, name)) d from metrics")
RUN = ("run", "demo-baseline", "--recipe", "demo", "--threads", "1", "--set")


def _add_run(desk: Desk, number: int, last: int = 3) -> None:
    finished_run(Home(desk.home), record(f"{number:012x}"), [Metric("loss", 0.5, False)], last)


def _rows(desk: Desk) -> int:
    """Metric rows once all is taken in, each there once."""
    home = Home(desk.home)
    ingest(home)
    [(count, distinct)] = rows(home, COUNT[-1])
    assert count == distinct
    return int(count)


def _one_message(answer: Answer, code: int, *words: str) -> None:
    assert answer.code == code, answer.err
    assert answer.out == ""
    assert answer.err.count("error: ") == 1
    assert "Traceback" not in answer.err
    for word in words:
        assert word in answer.err


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture(params=SHORTAGES)
def scarce(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shortage]:
    with shortage(tmp_path, request.param, 16 << 20) as found:
        yield found


def test_a_first_ingest_without_space_leaves_nothing_and_loses_nothing(scarce: Shortage) -> None:
    _add_run(scarce.desk, 1, last=500)
    _one_message(scarce.short(100_000, *COUNT), 1, "no space left", "free some space", "nothing is lost")
    assert list(scarce.desk.home.glob("*.duckdb*")) == []
    assert _rows(scarce.desk) == 1500


def test_a_later_ingest_without_space_keeps_what_was_there(scarce: Shortage) -> None:
    _add_run(scarce.desk, 1)
    assert _rows(scarce.desk) == 9
    # values that do not compress, more of them than there is space for
    log = EventLog(Home(scarce.desk.home).run_dir(f"{1:012x}").events, f"{1:012x}", 1)
    steps(log, range(4, 20_004))
    log.close()
    size = (scarce.desk.home / "results.duckdb").stat().st_size
    _one_message(scarce.short(size if scarce.disk is None else 50_000, *COUNT), 1, "no space left")
    assert _rows(scarce.desk) == 60_009


def test_a_rebuild_without_space_keeps_the_old_database(scarce: Shortage) -> None:
    _add_run(scarce.desk, 1)
    assert _rows(scarce.desk) == 9
    _one_message(scarce.short(100_000, "db", "rebuild"), 1, "no space left")
    assert [path.name for path in scarce.desk.home.glob("*.duckdb*")] == ["results.duckdb"]
    assert _rows(scarce.desk) == 9


def test_the_reserve_of_a_log_is_for_the_end_of_the_attempt_alone(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.symlink_to("/dev/full")
    log = EventLog(path, "abc", 1)
    with pytest.raises(OSError, match="No space left"):
        log.write("metric", step=1, values={})
    assert reserve_of(path).stat().st_size == RESERVE_BYTES
    with pytest.raises(OSError, match="No space left"):
        log.write("failed", message="the disk is full")
    assert not reserve_of(path).exists()
    log.close()


@pytest.mark.slow
def test_an_adapter_without_space_is_not_half_saved(scarce: Shortage) -> None:
    answer = scarce.short(300_000, *RUN, "steps=2")
    assert answer.code == 1, answer.err
    assert answer.json["status"] == "failed"
    assert answer.json["failure"]["class"] == "disk_full"
    assert answer.json["adapter"] is None
    folder = _only_run(scarce.desk)
    assert [path.name for path in folder.path.iterdir() if "adapter" in path.name or "reserve" in path.name] == []
    [shown] = scarce.desk("runs", "list", "--json").json
    assert (shown["status"], shown["failure"]["class"]) == ("failed", "disk_full")


if MOUNTS:

    @pytest.mark.slow
    def test_a_disk_that_fills_up_ends_the_run_in_words(tmp_path: Path) -> None:
        with small_disk(tmp_path / "disk", 16 << 20) as disk:
            desk = Desk(disk)
            command = desk.start(*RUN, "steps=100000")
            wait_until(lambda: bool(_steps(desk)), timeout=120)
            fill(disk)
            out, err = command.communicate(timeout=120)
            assert command.returncode == 1, err
            assert json.loads(out)["failure"]["class"] == "disk_full"
            free(disk)
            events = _only_run(desk).events
            assert [event["kind"] for event in read_events(events)][-1] == "failed"
            assert all(json.loads(line) for line in events.read_bytes().splitlines())
            stored = desk("sql", "--json", "select distinct step from metrics order by step").json
            assert [row["step"] for row in stored] == _steps(desk)
            assert "disk_full" in desk("runs", "show", _only_run(desk).run_id).out

    def test_a_run_that_cannot_be_made_leaves_no_folder(tmp_path: Path) -> None:
        with small_disk(tmp_path / "disk", 1 << 20) as disk:
            desk = Desk(disk)
            desk.home.mkdir()
            fill(disk, leave=20_000)
            _one_message(desk(*RUN, "steps=2"), 1, "No space left", "free some space")
            assert list(desk.home.rglob("run.json")) == []
            assert list((desk.home / "runs").glob("*")) == []


def _only_run(desk: Desk) -> RunDir:
    [found] = (desk.home / "runs").glob("*/run.json")
    return RunDir(found.parent)


def _steps(desk: Desk) -> list[int]:
    logs = (desk.home / "runs").glob("*/events.jsonl")
    return [event["step"] for log in logs for event in read_events(log) if event["kind"] == "metric"]


@pytest.mark.parametrize("kind", LOCKS)
def test_a_write_protected_home_is_read_as_it_is_and_not_written(desk: Desk, kind: str) -> None:
    _add_run(desk, 1)
    assert _rows(desk) == 9
    _add_run(desk, 2)
    before = sorted(path.name for path in desk.home.iterdir())
    with write_protected(desk, kind) as protected:
        answer = protected(*COUNT)
        assert (answer.code, answer.json[0]["n"]) == (0, 9), answer.err
        assert f"{desk.home} cannot be written to: results are as they were" in answer.err
        _one_message(protected("db", "rebuild"), 1, "cannot be written to", "--home")
        exported = protected("export", "--csv", str(desk.folder / "out"), "--tables", "metrics", "--json")
        assert exported.json["files"][0]["rows"] == 9, exported.err
        run = protected(*RUN, "steps=2")
        assert run.code == 1
        assert str(desk.home) in run.err
        assert "Traceback" not in run.err
    assert sorted(path.name for path in desk.home.iterdir()) == before
    assert _rows(desk) == 18


@pytest.mark.parametrize("kind", LOCKS)
def test_a_write_protected_home_without_results_is_refused(desk: Desk, kind: str) -> None:
    _add_run(desk, 1)
    with write_protected(desk, kind) as protected:
        _one_message(protected(*COUNT), 1, "cannot be written to", "never read into a database", "--home")
    assert _rows(desk) == 9


def test_a_database_that_another_program_holds_names_it(desk: Desk) -> None:
    _add_run(desk, 1)
    assert _rows(desk) == 9
    arguments = [sys.executable, "-c", HOLDER, str(desk.home / "results.duckdb")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        _one_message(desk(*COUNT), 5, f"locked by pid {holder.pid} (", "python", "its own copy")
        holder.kill()
    assert _rows(desk) == 9


@pytest.mark.parametrize("damage", ["garbage", "half"])
def test_a_damaged_database_is_made_anew_with_a_notice(desk: Desk, damage: str) -> None:
    _add_run(desk, 1)
    assert _rows(desk) == 9
    database = desk.home / "results.duckdb"
    if damage == "garbage":
        database.write_bytes(b"not a database " * 1000)
    else:
        os.truncate(database, database.stat().st_size // 2)
    answer = desk(*COUNT)
    assert (answer.code, answer.json[0]["n"]) == (0, 9), answer.err
    assert "results.duckdb is damaged" in answer.err
    assert "made anew from the logs" in answer.err
    assert desk(*COUNT).err == ""


def test_a_newer_format_is_made_anew_with_a_notice(desk: Desk) -> None:
    _add_run(desk, 1)
    assert _rows(desk) == 9
    with writing(Home(desk.home)) as connection:
        connection.execute("update store_format set version = ?", [FORMAT + 1])
    answer = desk(*COUNT)
    assert (answer.code, answer.json[0]["n"]) == (0, 9), answer.err
    assert f"newer store format {FORMAT + 1}, {FORMAT} is expected: made anew from the logs" in answer.err
    assert desk(*COUNT).err == ""


def test_a_folder_in_the_place_of_the_database_is_one_clear_error(desk: Desk) -> None:
    _add_run(desk, 1)
    (desk.home / "results.duckdb").mkdir()
    for command in (COUNT, ("db", "rebuild"), ("db", "stats")):
        _one_message(desk(*command), 1, "results.duckdb is not a file", "move it away")
