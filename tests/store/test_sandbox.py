import hashlib
import time
from pathlib import Path

import pytest

from store import connection
from store.ingest import ingest
from store.sandbox import query
from store.schema import StaleStoreError
from tests.store.helpers import Metric, finished_run, record
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
    # files by every reader and writer
    "select * from read_json('{outside}/secret.csv')",
    "select * from read_ndjson_objects('{outside}/secret.csv')",
    "select * from read_parquet('{outside}/*.parquet')",
    "select * from parquet_metadata('{outside}/secret.csv')",
    "select * from sniff_csv('{outside}/secret.csv')",
    "from '/proc/self/environ'",
    "from '{outside}/**/*.csv'",
    "select * from read_text(['/etc/passwd', '/etc/hostname'])",
    "select * from read_duckdb('{database}')",
    "copy runs to '{outside}/out.parquet' (format parquet)",
    "copy runs to '{outside}/parts' (format csv, partition_by (plan))",
    "copy (select 1) to '/dev/stdout'",
    "create table stolen as from read_csv('{outside}/secret.csv')",
    "with x as materialized (from read_text('{outside}/secret.csv')) from x",
    "select (select content from read_text('{outside}/secret.csv'))",
    "execute immediate 'select 1'",
    # the network
    "from 'https://example.org/data.csv'",
    "from 's3://bucket/key.parquet'",
    "attach 'https://example.org/x.duckdb' as remote",
    "copy (select 1) to 'http://example.org/sink.csv'",
    "install sqlite from community",
    "force install json",
    "update extensions",
    # the same process
    "from outside_value",
    "select * from outside_value",
    "select * from sys.path",
    "create secret (type s3, key_id 'a', secret 'b')",
    "drop secret s",
    # settings
    "set global memory_limit = '1TB'",
    "set session max_execution_time = 1000000",
    "set temp_directory = ''",
    "set home_directory = '{outside}'",
    "set extension_directory = '{outside}'",
    "set allow_unsigned_extensions = true",
    "set python_enable_replacements = true",
    "set allow_persistent_secrets = true",
    "set allowed_paths = ['{outside}']",
    "set max_temp_directory_size = '1TB'",
    "set custom_extension_repository = 'http://example.org'",
    "set access_mode = 'read_write'",
    "reset lock_configuration",
    "reset global enable_external_access",
    "reset max_execution_time",
    "pragma memory_limit = '1TB'",
    "pragma threads = 8",
    "pragma enable_checkpoint_on_shutdown",
    "pragma disable_checkpoint_on_shutdown",
    "pragma enable_logging",
    "call enable_profiling(save_location = '{outside}/profile.json')",
    # rows and definitions, in every wrapping
    "with gone as (update runs set status = 'x' returning *) from gone",
    "with new as (insert into runs(run_id) values ('x') returning *) from new",
    "insert or replace into runs(run_id) values ('x')",
    "merge into runs using (select 'x' as id) s on run_id = s.id when not matched then insert (run_id) values (s.id)",
    "explain analyze delete from runs",
    "prepare p as delete from runs; execute p",
    "select 1; delete from metrics; select 2",
    "begin transaction; drop table metrics",
    "create index i on metrics(run_id)",
    "create sequence s",
    "create type t as enum ('a')",
    "create schema s",
    "create view v as select 1",
    "create macro m() as table select 1",
    "create or replace macro root_sum_square(x) as 0",
    "drop macro root_sum_square",
    "alter view run_summary rename to r",
    "alter table runs rename to r",
    "alter table runs drop column name",
    "comment on table runs is 'x'",
    "create or replace table runs as select 1",
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
    "force checkpoint",
    "vacuum",
    "load json from '{outside}'",
    "select * from which_secret('s3://bucket/key', 's3')",
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


def _digests(home: Home) -> dict[str, str]:
    """Every file of the home. Only while nothing has the database open: to close it would end duckdb's lock."""
    files = [path for path in sorted(home.path.rglob("*")) if path.is_file()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("statement", REFUSED)
def test_hostile_statements_are_refused_and_leave_no_trace(filled: Home, outside: Path, statement: str) -> None:
    outside_value = [1, 2, 3]
    before = _digests(filled)
    error = _try(filled, statement, outside)
    assert error is not None
    assert "Error: " in error.title or "requires the extension httpfs" in error.title
    assert not isinstance(error, StaleStoreError)
    assert [path.name for path in outside.iterdir()] == ["secret.csv"]
    assert _digests(filled) == before
    assert len(outside_value) == 3


def test_statements_that_are_let_through_change_nothing(filled: Home, outside: Path) -> None:
    before = _digests(filled)
    for statement in HARMLESS:
        _try(filled, statement, outside)
        assert _digests(filled) == before, statement
    assert [path.name for path in outside.iterdir()] == ["secret.csv"]
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
