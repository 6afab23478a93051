import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from store import connection
from store.connection import reading, writing
from store.ingest import IngestReport, ingest
from store.rebuild import rebuild, stats
from store.schema import FORMAT, StaleStoreError
from tests.store.helpers import HOLDER, Metric, all_tables, finished_run, raw_event, record, rows
from workbench.errors import InvalidError, LockedError
from workbench.run.events import EventLog
from workbench.run.layout import Home


def _fill(home: Home) -> None:
    """Three finished runs, one with a second attempt, bad lines and a failure seen by the supervisor."""
    for number in range(3):
        run = record(f"{number:012x}", seed=number, groups={"late": ["model.layers.2.mlp.up_proj"]})
        finished_run(home, run, [Metric("loss", number / 4, False)], last=4)
    folder = home.run_dir(f"{1:012x}")
    with folder.events.open("ab") as file:
        file.write(b"torn {")
    again = EventLog(folder.events, folder.run_id, 2)
    again.write("started", device="cpu", steps=4)
    again.close()
    raw_event(folder, 2, "novelty", colour="blue")
    EventLog(folder.shim_events, folder.run_id, 2).write("failed", **{"class": "killed", "signal": 9})


def _set_format(home: Home, version: int) -> None:
    with writing(home) as opened:
        opened.execute("update store_format set version = ?", [version])


def test_rebuild_brings_back_every_row(home: Home) -> None:
    for _ in range(2):
        ingest(home)
    _fill(home)
    ingest(home)
    before = all_tables(home)
    report = rebuild(home)
    assert (report.runs, report.bad_lines) == (3, 1)
    assert "made anew" in report.notice
    assert all_tables(home) == before
    assert len(before["metrics"]) == 36


def test_rebuild_forgets_runs_that_are_gone_and_leaves_no_files(home: Home) -> None:
    _fill(home)
    ingest(home)
    home.run_dir(f"{0:012x}").path.rename(home.path / "elsewhere")
    assert ingest(home).warnings == ()
    assert rows(home, "select count(*) from runs") == [(3,)]
    rebuild(home)
    assert rows(home, "select count(*) from runs") == [(2,)]
    assert sorted(path.name for path in home.path.glob("results*")) == ["results.duckdb", "results.lock"]


def _overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


@pytest.mark.parametrize("damage", ["garbage", "empty", "header", "block", "cut"])
def test_a_damaged_database_is_made_anew_with_a_notice(home: Home, damage: str) -> None:
    _fill(home)
    ingest(home)
    before = all_tables(home)
    size = home.database.stat().st_size
    if damage == "garbage":
        home.database.write_bytes(b"not a database " * 1000)
    elif damage == "empty":
        home.database.write_bytes(b"")
    elif damage == "header":
        _overwrite(home.database, 4096, os.urandom(8192))
    elif damage == "block":
        _overwrite(home.database, 12288 + 64, os.urandom(size - 12288 - 64))
    else:
        os.truncate(home.database, size // 2)
    with pytest.raises(InvalidError, match="damaged") as raised, reading(home):
        pytest.fail("read a damaged file")
    assert "workbench db rebuild" in raised.value.hint
    assert "damaged" in ingest(home).notice
    assert all_tables(home) == before
    assert ingest(home).notice == ""


def test_garbage_beside_the_database_loses_nothing(home: Home) -> None:
    _fill(home)
    ingest(home)
    home.database.with_name("results.duckdb.wal").write_bytes(os.urandom(3000))
    finished_run(home, record("00000000000f"))
    ingest(home)
    before = all_tables(home)
    assert len(before["runs"]) == 4
    rebuild(home)
    assert all_tables(home) == before


def test_an_older_format_is_made_anew_with_a_notice(home: Home) -> None:
    _fill(home)
    ingest(home)
    _set_format(home, FORMAT - 1)
    with pytest.raises(InvalidError, match="older store format"), reading(home):
        pytest.fail("read an older format")
    report = ingest(home)
    assert (report.runs, "older store format" in report.notice) == (3, True)
    assert stats(home).format_version == FORMAT


def test_a_database_of_unknown_origin_is_made_anew(home: Home) -> None:
    _fill(home)
    with writing(home) as opened:
        opened.execute("drop table store_format")
    assert "older store format 0" in ingest(home).notice
    assert rows(home, "select count(*) from runs") == [(3,)]


def test_other_table_definitions_are_made_anew(home: Home) -> None:
    _fill(home)
    ingest(home)
    with writing(home) as opened:
        opened.execute("update store_format set fingerprint = 'other'")
    assert "other table definitions" in ingest(home).notice


@pytest.mark.parametrize("command", [ingest, stats])
def test_a_newer_format_is_refused_and_left_alone(home: Home, command: object) -> None:
    _fill(home)
    ingest(home)
    _set_format(home, FORMAT + 1)
    before = home.database.stat().st_mtime_ns
    assert callable(command)
    with pytest.raises(InvalidError, match=f"store format {FORMAT + 1}") as raised:
        command(home)
    assert "workbench db rebuild" in raised.value.hint
    assert home.database.stat().st_mtime_ns == before
    assert isinstance(rebuild(home), IngestReport)
    assert stats(home).format_version == FORMAT


def test_a_file_of_a_newer_duckdb_is_refused_not_rebuilt() -> None:
    words = "Trying to read a database file with storage version number 99, but we can only read up to 70"
    with pytest.raises(InvalidError, match="another version of DuckDB") as raised:
        connection.raise_known(duckdb.IOException(words), Path("results.duckdb"))
    assert not isinstance(raised.value, StaleStoreError)


def test_rebuild_is_refused_while_a_foreign_holder_has_the_file(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FOREIGN_PATIENCE", 0.2)
    _fill(home)
    ingest(home)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home.database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(LockedError, match=f"pid {holder.pid}"):
            rebuild(home)
        holder.kill()
    assert rebuild(home).runs == 3


def test_stats_count_rows_bytes_and_bad_lines(home: Home) -> None:
    _fill(home)
    ingest(home)
    found = stats(home)
    assert (found.tables["runs"], found.tables["run_sites"], found.tables["evals"]) == (3, 18, 3)
    assert found.bad_lines == 1
    assert found.file_bytes == home.database.stat().st_size
