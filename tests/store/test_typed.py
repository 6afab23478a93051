"""What a person types is run with its parameters, can be ended from another thread, and is written as Parquet."""

import threading
from pathlib import Path

import pytest

from store.catalog import catalog
from store.connection import reading
from store.lenses import run_text
from store.row_files import write_parquet
from store.stopping import QueryStoppedError, Stop
from tests.store.lens_home import fill, run_id
from workbench.errors import InvalidError, NotFoundError, UsageError
from workbench.run.layout import Home


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home(tmp_path_factory.mktemp("typed") / ".workbench")
    made.path.mkdir()
    fill(made)
    return made


def test_parameters_are_found_and_a_head_gives_the_chart(filled: Home) -> None:
    text = "-- chart: points x=seed y=loss\n\nselect seed, loss, $metric as metric, $study as study from run_summary"
    found = run_text(filled, text, {"metric": "loss", "group": "band"})
    assert found.parameters == {"study": "cut", "metric": "loss"}
    assert found.chart is not None
    assert found.chart.kind == "points"
    assert found.rows[0][2:] == ("loss", "cut")
    assert "'cut' as study" in found.sql


def test_the_arm_of_a_pinned_run_is_the_baseline_where_none_is_named(filled: Home) -> None:
    pinned = run_id("mlp-2", 2)
    found = run_text(filled, "select $baseline", pinned=pinned)
    assert found.rows == (("mlp-2",),)
    assert "the baseline is mlp-2, of which a run is pinned" in found.notes
    assert run_text(filled, "select $study, $baseline", pinned=pinned).rows == (("cut", "mlp-2"),)
    assert run_text(filled, "select $baseline", {"baseline": "odd"}, pinned=pinned).rows == (("odd",),)
    gone = run_text(filled, "select $study, $baseline", pinned="0" * 12)
    assert gone.rows == (("cut", "base"),)
    assert "the baseline is base: the pinned run is not among the runs compared" in gone.notes


def test_a_chart_of_a_column_that_is_not_there_is_a_note(filled: Home) -> None:
    found = run_text(filled, "-- chart: points x=seed y=los\nselect 1 as seed")
    assert found.chart is None
    assert found.notes == ("no chart: it wants a column 'los', and the query has seed",)


def test_other_statements_than_queries_may_be_typed(filled: Home) -> None:
    assert "run_id" in [row[0] for row in run_text(filled, "describe run_summary").rows]


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        (
            "\n\n  select los from run_summary",
            InvalidError,
            "LINE 1: select los from run_summary\n               \\^\\^\\^",
        ),
        ("select los from run_summary where plan = $study", InvalidError, "LINE 1: select los"),
        ("select 1; select 2", InvalidError, "one statement"),
        ("-- only this", UsageError, "no SQL"),
        ("delete from runs", InvalidError, "read-only"),
        ("select $baseline", NotFoundError, "no run or plan is called 'x'"),
    ],
)
def test_what_is_wrong_is_told_in_duckdbs_words(filled: Home, text: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        run_text(filled, text, {"baseline": "x"})


def test_a_query_is_ended_from_another_thread(filled: Home) -> None:
    stop = Stop()
    timer = threading.Timer(0.2, stop.now)
    timer.start()
    with pytest.raises(QueryStoppedError):
        run_text(filled, "select count(*) from range(10000000) a, range(1000000) b", seconds=60, stop=stop)
    assert stop.asked
    with pytest.raises(QueryStoppedError):
        run_text(filled, "select 1", stop=stop)
    assert run_text(filled, "select 1").rows == ((1,),)


def test_the_catalog_has_views_columns_and_the_values_of_parameters(filled: Home) -> None:
    found = catalog(filled)
    assert "loss" in found.tables["run_summary"]
    assert {"arms_of", "half_width", "avg"} <= set(found.functions)
    assert "select" in found.keywords
    assert (found.finished, found.studies) == (21, ("cut",))
    assert "loss" in found.metrics
    assert "base" in found.arms


def test_rows_keep_their_types_in_parquet(filled: Home, tmp_path: Path) -> None:
    query = "select range i, range/2 x, null n, [range] l, {'a': range} s, 'é' || range t, range I from range(25000)"
    found = run_text(filled, query)
    path = tmp_path / "it's.parquet"
    write_parquet(path, found.columns, found.types, found.rows)
    import duckdb

    again = duckdb.sql(f"from '{tmp_path}/it''s.parquet'")
    assert again.columns == ["i", "x", "n", "l", "s", "t", "I_2"]
    assert again.fetchall() == [*found.rows]
    assert [path.name for path in tmp_path.iterdir()] == ["it's.parquet"]
    with reading(filled):
        pass


def test_lines_below_a_head_are_told_as_those_of_the_text(filled: Home) -> None:
    with pytest.raises(InvalidError, match="LINE 2:") as error:
        run_text(filled, "-- title: x\n\nselect seed,\n  los from run_summary")
    assert error.value.hint == "LINE 2 is line 4 here"
