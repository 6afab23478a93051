import os
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from store import connection
from store.connection import reading, writing
from store.ingest import ingest
from store.rebuild import rebuild, stats
from store.sandbox import query
from store.schema import FORMAT, StaleStoreError
from tests.store.helpers import HOLDER, Metric, all_tables, finished_run, raw_event, record, rows
from workbench.errors import InvalidError, LockedError, WorkbenchError
from workbench.run.events import EventLog
from workbench.run.layout import Home

pytestmark = pytest.mark.slow


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


def test_rebuild_leaves_no_files_beside_the_database(home: Home) -> None:
    _fill(home)
    ingest(home)
    rebuild(home)
    assert sorted(path.name for path in home.path.glob("results*")) == ["results.duckdb", "results.lock"]


def _overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def _of_duckdb_version(path: Path, storage_version: int) -> None:
    """Makes the file one of another DuckDB: the version of its first header, and that header's checksum."""
    header = bytearray(path.read_bytes()[:4096])
    header[12:20] = struct.pack("<Q", storage_version)
    checksum = 5381
    for (word,) in struct.iter_unpack("<Q", header[8:]):
        checksum ^= word * 0xBF58476D1CE4E5B9 & (1 << 64) - 1
    header[:8] = struct.pack("<Q", checksum)
    _overwrite(path, 0, bytes(header))


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


@pytest.mark.parametrize(("version", "age"), [(FORMAT - 1, "older"), (FORMAT + 1, "newer")])
def test_another_format_is_made_anew_with_a_notice(home: Home, version: int, age: str) -> None:
    _fill(home)
    ingest(home)
    before = all_tables(home)
    _set_format(home, version)
    with pytest.raises(StaleStoreError, match=f"{age} store format {version}"), reading(home):
        pytest.fail("read another format")
    report = ingest(home)
    assert report.runs == 3
    assert report.notice == (
        f"results.duckdb is of the {age} store format {version}, {FORMAT} is expected: made anew from the logs"
    )
    assert all_tables(home) == before


@pytest.mark.parametrize("version", [1, 5000])
def test_a_file_of_another_duckdb_is_made_anew_with_a_notice(home: Home, version: int) -> None:
    _fill(home)
    ingest(home)
    before = all_tables(home)
    _of_duckdb_version(home.database, version)
    with pytest.raises(StaleStoreError, match="another version of DuckDB"), reading(home):
        pytest.fail("read a file of another DuckDB")
    notice = ingest(home).notice
    assert f"storage version number {version}," in notice
    assert "\n" not in notice
    assert all_tables(home) == before


def test_damage_that_only_a_query_meets_is_told_as_damage(home: Home) -> None:
    _fill(home)
    ingest(home)
    whole = home.database.read_bytes()
    told = []
    for offset in range(12288, len(whole), 150_000):
        home.database.write_bytes(whole)
        _overwrite(home.database, offset, os.urandom(16))
        with suppress(StaleStoreError):  # damage that opening meets is told by another test
            assert rows(home, "select count(*) from runs") == [(3,)]
            try:
                query(home, "select * from metrics order by value")
            except StaleStoreError as error:
                told.append(error.title)
    assert told
    assert all("results.duckdb is damaged" in title for title in told)


def test_words_of_a_query_are_not_taken_for_damage(home: Home) -> None:
    ingest(home)
    for words in ("select error('Corrupt database file')", "select 'Corrupt database file'::int"):
        with pytest.raises(InvalidError, match="Corrupt database file") as raised:
            query(home, words)
        assert not isinstance(raised.value, StaleStoreError)


@pytest.mark.parametrize("command", [ingest, rebuild, stats])
def test_something_else_in_the_place_of_the_database_is_an_error(home: Home, command: Callable[[Home], object]) -> None:
    _fill(home)
    home.database.mkdir()
    with pytest.raises(WorkbenchError, match=r"results\.duckdb is not a file") as raised:
        command(home)
    assert "move it away" in raised.value.hint
    home.database.rmdir()
    assert ingest(home).runs == 3


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
