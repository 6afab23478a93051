import time
from pathlib import Path

import pytest

from store import connection
from store.ingest import ingest
from store.sandbox import query
from tests.store.helpers import Metric, all_tables, finished_run, record
from workbench.errors import InvalidError, NotFoundError, UsageError
from workbench.run.layout import Home

REFUSED = [
    "select * from read_csv('{outside}/secret.csv')",
    "from '{outside}/secret.csv'",
    "select * from read_text('{outside}/secret.csv')",
    "select * from read_blob('/etc/hostname')",
    "select * from glob('{outside}/*')",
    "copy (select 1) to '{outside}/out.csv'",
    "copy runs from '{outside}/secret.csv'",
    "attach '{outside}/x.duckdb' as x",
    "attach '{database}' as again; delete from again.runs",
    "attach '{database}' as again (read_write)",
    "attach '{database}.wal' as beside (read_write); create table beside.t(i integer)",
    "attach '{database}' as again; select count(*) from again.runs",
    "select * from read_blob('{database}')",
    "set disabled_filesystems = ''",
    "copy (select 1) to '{database}.wal'",
    "copy (select 1) to '{database}.wal.recovery' (use_tmp_file false)",
    "with x as (copy (select 1) to '{database}.wal') select 1",
    "explain analyze copy (select 1) to '{database}.wal'",
    "copy (select 1) to '{database}'",
    "copy (select 1) to '{database}' (use_tmp_file false)",
    "install httpfs",
    "load httpfs",
    "load '{outside}/x.duckdb_extension'",
    "export database '{outside}/exported'",
    "import database '{outside}/exported'",
    "set memory_limit = '100GB'",
    "set enable_external_access = true",
    "set threads = 8",
    "set max_execution_time = 0",
    "set lock_configuration = false",
    "set temp_directory = '{outside}'",
    "reset memory_limit",
    "pragma enable_profiling",
    "set profile_output = '{outside}/profile.json'",
    "pragma profile_output = '{outside}/profile.json'",
    "set log_query_path = '{outside}/queries.log'",
    "select getenv('HOME')",
    "from python_value",
    "create table z(i integer)",
    "delete from runs",
    "with gone as (delete from runs returning *) select * from gone",
    "insert into runs(run_id) values (uuid())",
    "update runs set status = 'x'",
    "drop table runs",
    "drop view run_summary",
    "truncate runs",
    "alter table runs add column x integer",
    "select 1; drop table runs",
    "create macro f(x) as x + 1",
    "create or replace view run_summary as select 1",
    "create persistent secret (type s3, key_id 'a', secret 'b')",
    "use memory",
    "detach results",
    "call enable_logging(storage = 'file', storage_config = {{'path': '{outside}/log'}})",
    "begin; delete from evals; commit",
]
HARMLESS = [
    "select count(*) from runs",
    "attach ':memory:' as other; create table other.t(i integer)",
    "create temp table z as select 1",
    "create temp macro f(x) as x + 1",
    "set variable v = 1",
    "pragma database_list",
    "select * from duckdb_secrets()",
    "select * from duckdb_settings() limit 1",
    "select current_setting('temp_directory')",
    "explain analyze select count(*) from runs",
    "call pragma_version()",
    "checkpoint",
    "vacuum",
]
python_value = [1, 2, 3]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("filled"))
    for number in range(3):
        finished_run(home, record(f"{number:012x}"), [Metric("loss", number / 2, False)])
    ingest(home)
    return home


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.csv").write_text("a\n1\n")
    return folder


def _try(home: Home, statement: str, outside: Path) -> InvalidError | None:
    try:
        query(home, statement.format(outside=outside, database=home.database), seconds=5)
    except InvalidError as error:
        return error
    return None


@pytest.mark.parametrize("statement", REFUSED)
def test_hostile_statements_are_refused_and_leave_no_trace(filled: Home, outside: Path, statement: str) -> None:
    before = all_tables(filled)
    error = _try(filled, statement, outside)
    assert error is not None
    assert "Error: " in error.title
    assert [path.name for path in outside.iterdir()] == ["secret.csv"]
    assert all_tables(filled) == before


def test_statements_that_are_let_through_change_nothing(filled: Home, outside: Path) -> None:
    before = all_tables(filled)
    files = sorted(filled.path.iterdir())
    for statement in HARMLESS:
        _try(filled, statement, outside)
        assert sorted(filled.path.iterdir()) == files, statement
    assert [path.name for path in outside.iterdir()] == ["secret.csv"]
    assert all_tables(filled) == before
    assert ingest(filled).notice == ""


RUNAWAY = [
    "select count(*) from range(100000000000) t(i) where i % 7 = 1",
    "select sum(x) from (with recursive r as (select 1 x union all select x + 1 from r) select * from r)",
    "select count(*) from range(10000000) a, range(10000000) b where a.range < b.range",
]


@pytest.mark.parametrize("statement", RUNAWAY)
def test_a_query_ends_at_its_time_limit(filled: Home, statement: str) -> None:
    started = time.monotonic()
    with pytest.raises(InvalidError, match="exceeded maximum execution time") as raised:
        query(filled, statement, seconds=0.3)
    assert time.monotonic() - started < 5
    assert "0.3 s" in raised.value.hint


def test_memory_is_bounded(filled: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "READER", {**connection.READER, "memory_limit": "60MB"})
    with pytest.raises(InvalidError, match="Out of Memory"):
        query(filled, "select list(i) from range(30000000) t(i)", seconds=20)
    with pytest.raises(InvalidError, match="Out of Memory") as raised:
        query(filled, "select count(distinct md5(i::varchar)) from range(8000000) t(i)", seconds=20)
    assert "2 GB" in raised.value.hint
    assert query(filled, "select count(*) from runs").rows == ((3,),)


def test_results_are_cut_and_say_so(filled: Home) -> None:
    cut = query(filled, "from range(100000000000)", limit=4)
    assert (cut.rows, cut.truncated) == (((0,), (1,), (2,), (3,)), True)
    whole = query(filled, "from range(4)", limit=4)
    assert (len(whole.rows), whole.truncated) == (4, False)


def test_columns_and_types_come_along(filled: Home) -> None:
    found = query(filled, "select run_id, seed, 0.5::double as half from runs order by run_id")
    assert (found.columns, found.types) == (("run_id", "seed", "half"), ("VARCHAR", "INTEGER", "DOUBLE"))
    assert found.rows[2] == (f"{2:012x}", 0, 0.5)


def test_errors_are_word_for_word_with_the_caret(filled: Home) -> None:
    with pytest.raises(InvalidError, match='Referenced column "rnid" not found') as raised:
        query(filled, "select rnid from runs")
    assert 'Candidate bindings: "run_id"' in raised.value.title
    assert raised.value.title.splitlines()[-2:] == ["LINE 1: select rnid from runs", "               ^^^^"]
    with pytest.raises(InvalidError, match="Parser Error"):
        query(filled, "selec 1")


@pytest.mark.parametrize("nothing", ["", "  ", "-- only a comment"])
def test_no_statement_is_a_usage_error(filled: Home, nothing: str) -> None:
    with pytest.raises(UsageError, match="no SQL statement"):
        query(filled, nothing)


def test_times_with_zone_get_advice(filled: Home) -> None:
    with pytest.raises(InvalidError) as raised:
        query(filled, "select now()")
    assert "now()::timestamp" in raised.value.hint
    assert len(query(filled, "select now()::timestamp").rows) == 1


def test_settings_of_one_query_do_not_reach_the_next(filled: Home) -> None:
    for seconds in (0.2, 0.4):
        with pytest.raises(InvalidError, match="maximum execution time"):
            query(filled, RUNAWAY[0], seconds=seconds)
    assert ingest(filled).runs == 0


def test_no_database_is_not_found(home: Home) -> None:
    with pytest.raises(NotFoundError, match="no results yet"):
        query(home, "select 1")
