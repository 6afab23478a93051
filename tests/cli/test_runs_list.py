"""Rows that `runs list` keeps are those that it would tell anew, whatever happens to a run in between."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.cli.command import COMMAND, Desk
from tests.store.helpers import HOLDER, Metric, finished_run, record, steps, write_run
from workbench.cli.kept_rows import read_kept
from workbench.cli.run_list import listed_runs, show_list
from workbench.run import locks
from workbench.run.events import EventLog
from workbench.run.layout import Home, RunDir
from workbench.run.proc import ProcRecord
from workbench.run.process import identify
from workbench.run.queue import enqueue
from workbench.run.tickets import Ticket, queue_lock

pytestmark = pytest.mark.slow

FINISHED, FAILED, PAUSED, LOST, NEVER, KILLED, RETRIED, VANISHED, DAMAGED = (f"{n:012x}" for n in range(1, 10))
QUEUED, HELD, STARTING, LIVE, ALONE = (f"{n:012x}" for n in range(10, 15))
OVER = {FINISHED, FAILED, PAUSED, LOST, NEVER, KILLED, RETRIED, VANISHED, DAMAGED}
LOSS = Metric("loss", 0.5, False)


def test_every_state_is_told_as_it_would_be_anew(home: Home) -> None:
    with _every_state(home):
        told = listed_runs(home)
        assert set(read_kept(home)) >= OVER
        assert listed_runs(home) == told == _anew(home)
    assert {row["run_id"]: row["status"] for row in told} == {
        FINISHED: "finished",
        FAILED: "failed",
        PAUSED: "paused",
        LOST: "lost",
        NEVER: "stopped",
        KILLED: "failed",
        RETRIED: "finished",
        VANISHED: "lost",
        DAMAGED: "finished",
        QUEUED: "queued",
        HELD: "queued",
        STARTING: "starting",
        LIVE: "running",
        ALONE: "unsupervised",
    }
    assert _of(told, RETRIED)["attempt"] == 2
    assert _of(told, VANISHED)["attempt"] == 2
    assert _of(told, LIVE)["eval"] == {"loss": 0.5}
    # Their locks are free now, and nothing else has happened to them.
    assert {_of(listed_runs(home), run_id)["status"] for run_id in (LIVE, ALONE)} == {"lost"}
    assert listed_runs(home) == _anew(home)


def _grow(run_dir: RunDir) -> None:
    _attempt(run_dir, 2, "failed", message="again", hint="", **{"class": "nan"})


def _say_killed(run_dir: RunDir) -> None:
    log = EventLog(run_dir.shim_events, run_dir.run_id, 2)
    log.write("failed", message="", hint="", **{"class": "killed"})
    log.close()


def _finish_better(run_dir: RunDir) -> None:
    log = EventLog(run_dir.events, run_dir.run_id, 2)
    log.write("started", device="another", steps=3, seed=0)
    log.write("eval", step=3, evaluator="loss", values={"loss": 0.25}, n=50, higher_is_better=False)
    log.write("finished", step=3, device_seconds=9.0)
    log.close()


def _begin_without_a_word(run_dir: RunDir) -> None:
    me = identify(os.getpid())
    ProcRecord(2, me, None, None, None).write(run_dir)


CHANGES: dict[str, Callable[[RunDir], Any]] = {
    "another attempt failed": _grow,
    "another attempt was killed": _say_killed,
    "another attempt finished": _finish_better,
    "another attempt left proc.json alone": _begin_without_a_word,
    "another attempt left an output alone": lambda run_dir: run_dir.out(2).touch(),
    "it stands in the queue": lambda run_dir: enqueue(run_dir.home, [Ticket(run_dir.run_id, 0)]),
    "a checkpoint was removed": lambda run_dir: shutil.rmtree(run_dir.checkpoints / "step-000003"),
    "all checkpoints were removed": lambda run_dir: shutil.rmtree(run_dir.checkpoints),
    "the run was removed": lambda run_dir: shutil.rmtree(run_dir.path),
    "the record was removed": lambda run_dir: run_dir.record.unlink(),
    "another run came": lambda run_dir: finished_run(run_dir.home, record(FAILED), [LOSS]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_whatever_happens_to_a_run_is_told(home: Home, change: Callable[[RunDir], Any]) -> None:
    run_dir = _finished(home, FINISHED)
    _age(home)
    before = listed_runs(home)
    assert set(read_kept(home)) == {FINISHED}
    change(run_dir)
    after = listed_runs(home)
    assert after != before
    assert after == _anew(home)


@pytest.mark.parametrize("lock", ["shim_lock", "alive_lock"])
def test_a_lost_run_that_a_shim_takes_up_is_no_longer_lost(home: Home, lock: str) -> None:
    run_dir = _begun(home, LOST)
    _age(home)
    assert _of(listed_runs(home), LOST)["status"] == "lost"
    own, alive = locks.take(run_dir.shim_lock), locks.take(run_dir.alive_lock)
    assert own is not None
    assert alive is not None
    assert _of(listed_runs(home), LOST)["status"] == "running"
    for descriptor in (own, alive):
        os.close(descriptor)
    assert _of(listed_runs(home), LOST)["status"] == "lost"


def test_the_row_of_a_run_at_work_is_renewed_without_the_database(home: Home) -> None:
    run_dir = _begun(home, LIVE)
    _finished(home, FINISHED)
    _age(home)
    with _held(run_dir):
        assert _of(listed_runs(home), LIVE)["step"] == 2
        log = EventLog(run_dir.events, LIVE, 1)
        steps(log, [3])
        home.database.unlink()
        assert not _asks_the_database(home)
        assert not home.database.exists()
        assert _of(listed_runs(home), LIVE)["step"] == 3
        log.write("eval", step=3, evaluator="loss", values={"loss": 0.25}, n=50, higher_is_better=False)
        log.write("finished", step=3, device_seconds=9.0)
        log.close()
        assert _of(listed_runs(home), LIVE)["eval"] == {"loss": 0.25}  # its shim has yet to let go
    assert _of(listed_runs(home), LIVE)["status"] == "finished"
    assert listed_runs(home) == _anew(home)


def test_a_folder_that_has_changed_just_now_is_looked_at_again(home: Home) -> None:
    _finished(home, FINISHED)
    told = listed_runs(home)
    assert read_kept(home) == {}
    assert _asks_the_database(home)
    _age(home)
    assert listed_runs(home) == told
    assert set(read_kept(home)) == {FINISHED}
    assert not _asks_the_database(home)


def test_rows_without_results_are_not_kept(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    _finished(home, FINISHED)
    listed_runs(home)
    _age(home)
    shutil.rmtree(home.cache)
    arguments = [sys.executable, "-c", HOLDER, str(home.database)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert _of(listed_runs(home), FINISHED)["eval"] == {}
        assert "results are left out" in capsys.readouterr().err
        holder.communicate()
    assert _of(listed_runs(home), FINISHED)["eval"] == {"loss": 0.5}


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda kept: b"",
    "another format": lambda kept: kept.replace(b" ", b"0 ", 1),
    "one line": lambda kept: kept.partition(b"\n")[0],
    "torn": lambda kept: kept[:-20],
    "another run": lambda kept: kept.replace(FINISHED.encode(), FAILED.encode(), 1),
    "one letter of a status": lambda kept: kept.replace(b"finished", b"Finished", 1),
    "no text": lambda kept: kept + b"\xff\xfe",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_file_of_kept_rows_is_as_good_as_none(home: Home, damage: Callable[[bytes], bytes]) -> None:
    _finished(home, FINISHED)
    _age(home)
    told = listed_runs(home)
    kept = (home.cache / "runs.rows").read_bytes()
    assert damage(kept) != kept
    (home.cache / "runs.rows").write_bytes(damage(kept))
    assert read_kept(home) == {}
    assert listed_runs(home) == told
    assert set(read_kept(home)) == {FINISHED}


def test_a_kept_table_is_the_one_told_anew(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a name has what would end a field of the file of kept rows."""
    meta = _finished(home, FINISHED).meta
    meta.write_text(json.dumps({"name": "a\tb\nc\u2028d é 漢"}), encoding="utf-8")
    _attempt(_finished(home, FAILED), 2, "failed", message="", hint="", **{"class": "n\na\tn"})
    _age(home)
    monkeypatch.setattr("workbench.cli.run_list.current_home", lambda: home)
    show_list(as_json=False)
    told = capsys.readouterr().out
    assert set(read_kept(home)) == {FINISHED, FAILED}
    show_list(as_json=False)
    assert capsys.readouterr().out == told
    assert "a⇥b↵c\\u2028d é 漢" in told
    assert "failed: n↵a⇥n" in told


def test_the_newest_come_first_kept_or_not(home: Home) -> None:
    ages = {FINISHED: 3.0, FAILED: 1.0, PAUSED: 2.0, LOST: 2.0}
    for run_id, created in ages.items():
        finished_run(home, record(run_id, created=created), [LOSS])
    _age(home)
    listed_runs(home)
    _finish_better(home.run_dir(FAILED))
    assert [row["run_id"] for row in listed_runs(home)] == [FINISHED, PAUSED, LOST, FAILED]
    assert listed_runs(home) == _anew(home)


@pytest.fixture
def home(desk: Desk) -> Home:
    return Home(desk.home)


@contextmanager
def _every_state(home: Home) -> Iterator[None]:
    for run_id in (FINISHED, RETRIED, VANISHED, DAMAGED):
        _finished(home, run_id)
    _begin_without_a_word(home.run_dir(VANISHED))
    _finish_better(home.run_dir(RETRIED))
    home.run_dir(DAMAGED).proc.write_text("{", encoding="utf-8")
    for run_id in (FAILED, PAUSED, NEVER, QUEUED, HELD, STARTING):
        write_run(home, record(run_id))
    _attempt(home.run_dir(FAILED), 1, "failed", message="no", hint="", **{"class": "crash"})
    _attempt(home.run_dir(PAUSED), 1, "paused", reason="pause")
    _begun(home, LOST)
    _say_killed(_begun(home, KILLED))
    enqueue(home, [Ticket(QUEUED, 0), Ticket(HELD, 0, hold=True), Ticket(STARTING, 0)])
    with queue_lock(home) as tickets:
        for ticket in tickets.waiting():
            if ticket.run_id == STARTING:
                tickets.claim(ticket)
    live = _finished(home, LIVE)
    log = EventLog(live.events, LIVE, 2)
    log.write("started", device="cpu", steps=3, seed=0)
    steps(log, [1])
    log.close()
    alone = _begun(home, ALONE)
    _age(home)
    own, alive = locks.take(home.run_dir(STARTING).shim_lock), locks.take(alone.alive_lock)
    with _held(live):
        yield
    for descriptor in (own, alive):
        assert descriptor is not None
        os.close(descriptor)


@contextmanager
def _held(run_dir: RunDir) -> Iterator[None]:
    """The run's locks, as its shim and its trainer have them."""
    own, alive = locks.take(run_dir.shim_lock), locks.take(run_dir.alive_lock)
    assert own is not None
    assert alive is not None
    yield
    for descriptor in (own, alive):
        os.close(descriptor)


def _finished(home: Home, run_id: str) -> RunDir:
    run_dir = finished_run(home, record(run_id), [LOSS])
    checkpoint = run_dir.checkpoints / "step-000003"
    checkpoint.mkdir(parents=True)
    (checkpoint / "training.pt").write_bytes(bytes(1000))
    return run_dir


def _begun(home: Home, run_id: str) -> RunDir:
    run_dir = write_run(home, record(run_id))
    log = EventLog(run_dir.events, run_id, 1)
    log.write("started", device="cpu", steps=3, seed=0)
    steps(log, [1, 2])
    log.close()
    return run_dir


def _attempt(run_dir: RunDir, attempt: int, kind: str, **fields: Any) -> None:
    log = EventLog(run_dir.events, run_dir.run_id, attempt)
    log.write(kind, **fields)
    log.close()


def _age(home: Home) -> None:
    """As if all that there is had been written a minute ago."""
    for path in (home.runs, *home.runs.rglob("*")):
        changed = path.stat().st_mtime - 60
        os.utime(path, (changed, changed))


def _anew(home: Home) -> list[dict[str, Any]]:
    """What is told without any row that was kept."""
    (home.cache / "runs.rows").unlink()
    return listed_runs(home)


def _of(rows: list[dict[str, Any]], run_id: str) -> dict[str, Any]:
    [row] = [row for row in rows if row["run_id"] == run_id]
    return row


def _asks_the_database(home: Home) -> bool:
    """Whether the command, as a process of its own, loads DuckDB."""
    command = [sys.executable, "-X", "importtime", *COMMAND[1:], "--home", str(home.path), "runs", "list", "--json"]
    done = subprocess.run(command, cwd=home.path, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)
    return "duckdb" in done.stderr
