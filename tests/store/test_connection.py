import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from store import connection, locks
from store.connection import reading, writing
from store.ingest import ingest
from store.locks import side_lock
from store.sandbox import query
from store.standing import mark_up_to_date, moment
from tests.faults.processes import wait_until
from tests.store.helpers import HOLDER, INGEST, finished_run, record, rows
from workbench.errors import LockedError, NotFoundError
from workbench.run.layout import Home
from workbench.run.lock_holders import describe_process


def test_a_foreign_holder_is_waited_for_and_then_named(home: Home) -> None:
    finished_run(home, record("00000000000a"))
    ingest(home)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home.database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(LockedError, match=rf"results.duckdb is locked by pid {holder.pid} \(.*python") as raised:
            ingest(home)
        holder.kill()
    assert raised.value.exit_code == 5
    assert "its own copy" in raised.value.hint
    assert rows(home, "select count(*) from runs") == [(1,)]


def test_a_holder_that_leaves_in_time_is_not_noticed(home: Home) -> None:
    finished_run(home, record("00000000000a"))
    ingest(home)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home.database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        leaving = threading.Timer(0.3, holder.kill)
        leaving.start()
        assert ingest(home).rows == 0
        leaving.join()
    assert holder.returncode != 0


def test_the_side_lock_names_its_holder_and_gives_up(home: Home) -> None:
    with (
        side_lock(home.database_lock, exclusive=True),
        pytest.raises(LockedError, match=r"results\.lock is locked by") as raised,
        side_lock(home.database_lock, exclusive=False, patience=0.05),
    ):
        pytest.fail("two held the lock")
    assert raised.value.hint


def test_readers_share_the_side_lock_and_keep_writers_out(home: Home) -> None:
    with (
        side_lock(home.database_lock, exclusive=False),
        side_lock(home.database_lock, exclusive=False, patience=0.05),
        pytest.raises(LockedError),
        side_lock(home.database_lock, exclusive=True, patience=0.05),
    ):
        pytest.fail("a writer came in")
    with side_lock(home.database_lock, exclusive=True, patience=0.05):
        assert home.database_lock.exists()


def test_a_waiting_writer_is_next_however_many_readers_come(home: Home) -> None:
    def write() -> bool:
        with side_lock(home.database_lock, exclusive=True):
            return True

    with ThreadPoolExecutor(1) as pool:
        with side_lock(home.database_lock, exclusive=False):
            assert _can_read(home)
            writer = pool.submit(write)
            wait_until(lambda: not _can_read(home))
            assert not writer.done()
        assert writer.result(timeout=10)
    assert _can_read(home)


def _can_read(home: Home) -> bool:
    try:
        with side_lock(home.database_lock, exclusive=False, patience=0.05):
            return True
    except LockedError:
        return False


def test_who_waited_while_another_read_the_logs_has_nothing_left_to_do(home: Home) -> None:
    ingest(home)
    finished_run(home, record("00000000000a"))
    with side_lock(home.database_lock, exclusive=False):
        waiting = subprocess.Popen([*INGEST, str(home.path)])
        wait_until(lambda: not _can_read(home))
        # As if the ingest that it waits for had begun only now.
        mark_up_to_date(home, moment())
    assert waiting.wait() == 0
    assert rows(home, "select count(*) from runs") == [(0,)]
    assert ingest(home).runs == 1


@pytest.mark.parametrize("note", ["", "nonsense", "0000-another-boot 99999999999999999999", "\x00" * 9])
def test_a_note_that_is_not_of_this_boot_is_not_believed(home: Home, note: str) -> None:
    ingest(home)
    finished_run(home, record("00000000000a"))
    home.database_lock.write_text(note)
    assert ingest(home).runs == 1


def test_a_note_without_a_database_is_not_believed(home: Home) -> None:
    finished_run(home, record("00000000000a"))
    home.database_lock.write_text(moment().split(" ")[0] + " 99999999999999999999")
    assert ingest(home).runs == 1


def test_the_lock_is_told_from_the_process_table(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert describe_process(1 << 30) == f"pid {1 << 30}"
    monkeypatch.setattr(locks, "lock_owner", lambda file, kind: None)
    with (
        side_lock(home.database_lock, exclusive=True),
        pytest.raises(LockedError, match="another process"),
        side_lock(home.database_lock, exclusive=True, patience=0.01),
    ):
        pytest.fail("two held the lock")


def test_a_thread_that_never_ends_its_reading_is_told_of(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 0.05)
    ingest(home)
    with reading(home), ThreadPoolExecutor(1) as pool:
        other = pool.submit(ingest, home)
        with pytest.raises(LockedError, match="another thread"):
            other.result()


def test_reading_needs_a_database(home: Home) -> None:
    with pytest.raises(NotFoundError, match="no results yet") as raised, reading(home):
        pytest.fail("read from nothing")
    assert "workbench run" in raised.value.hint
    assert not home.database.exists()


def test_threads_ingest_read_and_query_in_one_process(home: Home) -> None:
    for number in range(6):
        finished_run(home, record(f"{number:012x}"))
    ingest(home)

    def work(number: int) -> int:
        if number % 3 == 0:
            return ingest(home).runs
        if number % 3 == 1:
            return int(query(home, "select count(*) from runs").rows[0][0])
        return int(rows(home, "select count(*) from runs")[0][0])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(18))) == [0, 6, 6] * 6


def test_a_writer_makes_the_tables_and_readers_cannot_write(home: Home) -> None:
    with writing(home) as opened:
        opened.execute("insert into studies values ('s', 'base', 'loss', now()::timestamp)")
    assert rows(home, "select study from studies") == [("s",)]
