"""`workbench export`, and what every command that needs the database says while another program holds it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pandas
import pytest

from store.ingest import ingest
from tests.cli.command import Desk
from tests.cli.in_process import Run, runner
from tests.store.helpers import HOLDER, INGEST, Metric, all_tables, finished_run, record, rows
from workbench.run.layout import Home


@pytest.fixture
def home(desk: Desk) -> Home:
    made = Home(desk.home)
    for number in range(2):
        finished_run(made, record(f"{number:012x}"), [Metric("loss", 0.5, False)])
    return made


@pytest.fixture
def run(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(desk, monkeypatch, capsys)


@contextmanager
def _held(home: Home) -> Iterator[int]:
    """A program that opened the database by duckdb alone; yields its pid."""
    arguments = [sys.executable, "-c", HOLDER, str(home.database)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield holder.pid
        holder.kill()


def test_json_tells_what_was_written(home: Home, run: Run, desk: Desk) -> None:
    answer = run("export", "--parquet", "out", "--json", "--tables", "runs, final_evals")
    folder = desk.folder / "out"
    assert answer.json["folder"] == str(folder)
    assert [(file["table"], file["rows"]) for file in answer.json["files"]] == [("runs", 2), ("final_evals", 2)]
    assert [set(file) for file in answer.json["files"]] == [{"table", "rows", "bytes"}] * 2
    assert sorted(path.stem for path in folder.glob("*.parquet")) == ["final_evals", "runs"]


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize("tables", ["run_summary,studies", "studies"])
def test_the_printed_line_opens_the_file(home: Home, run: Run, form: str, tables: str) -> None:
    answer = run("export", f"--{form}", "o'ut", "--tables", tables)
    assert answer.code == 0, answer.err
    lines = {line.split(":")[0]: line.split(":", 1)[1].strip() for line in answer.out.splitlines()[-2:]}
    expected = 2 if "run" in tables else 0
    assert len(duckdb.sql(lines["duckdb"]).fetchall()) == expected
    frame = eval(lines["pandas"], {"pandas": pandas})
    assert len(frame) == expected
    if expected:
        assert sorted(frame["run_id"]) == [f"{number:012x}" for number in range(2)]


@pytest.mark.parametrize("words", [(), ("--parquet", "a", "--csv", "b")])
def test_one_folder_has_to_be_named(run: Run, words: tuple[str, ...]) -> None:
    answer = run("export", *words)
    assert (answer.code, answer.out) == (2, "")
    assert "workbench export --parquet DIR" in answer.err


def test_a_folder_in_use_is_refused_before_anything_else(home: Home, run: Run, desk: Desk) -> None:
    (desk.folder / "out").mkdir()
    (desk.folder / "out" / "mine").write_text("")
    answer = run("export", "--csv", "out", "--force")
    assert (answer.code, answer.out) == (2, "")
    assert "is not empty and is no export" in answer.err
    assert not home.database.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [("compare",), ("sql", "select 1"), ("db", "rebuild"), ("export", "--csv", "out"), ("db", "stats")],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_database_that_is_held_is_one_clear_error(home: Home, desk: Desk, command: tuple[str, ...]) -> None:
    ingest(home)
    before = all_tables(home)
    with _held(home) as pid:
        answer = desk(*command)
        assert (answer.code, answer.out) == (5, ""), answer.err
        assert answer.err.count("error: ") == 1
        assert f"results.duckdb is locked by pid {pid} (" in answer.err
        assert "workbench export --parquet DIR" in answer.err
        assert ("last brought up to date 20" in answer.err) == (command == ("db", "stats"))
    assert not Path(desk.folder / "out").exists()
    assert all_tables(home) == before


@pytest.mark.slow
def test_a_run_that_ends_while_the_database_is_held_loses_nothing(home: Home) -> None:
    ingest(home)
    finished_run(home, record("00000000000f"), [Metric("loss", 0.25, False)], last=5)
    with _held(home) as pid:
        done = subprocess.run([*INGEST, str(home.path)], capture_output=True, text=True, check=False)
        assert done.returncode == 5
        assert f"locked by pid {pid} (" in done.stderr
    report = ingest(home)
    assert (report.runs, report.rows, report.notice) == (1, 16, "")
    assert rows(home, "select count(*), count(distinct (run_id, step, name)) from metrics") == [(33, 33)]


def test_stats_tell_how_fresh_the_database_is(home: Home, run: Run) -> None:
    first = run("db", "stats", "--json").json
    assert (first["up_to_date_before"], first["held_by"]) == (None, None)
    noted = home.database_lock.stat().st_mtime
    second = run("db", "stats", "--json").json
    assert second["up_to_date_before"] == noted
    assert "up to date now; before, last brought up to date 20" in run("db", "stats").out
    assert second["tables"]["runs"] == 2


def test_damage_that_only_the_question_meets_is_mended(home: Home, run: Run) -> None:
    ingest(home)
    whole = home.database.read_bytes()
    told = 0
    for offset in range(12288, len(whole), 300_000):
        home.database.write_bytes(whole[:offset] + bytes(64) + whole[offset + 64 :])
        answer = run("sql", "--json", "select count(value) n from (from metrics order by value)")
        assert (answer.code, answer.json) == (0, [{"n": 18}]), answer.err
        told += "damaged" in answer.err
        assert ("made anew from the logs" in answer.err) == ("damaged" in answer.err)
    assert told
