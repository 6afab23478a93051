"""Finding, reading, running and saving lenses; what is said about those that do not work."""

from pathlib import Path

import pytest

from store.ingest import ingest
from store.lenses import Chart, find, known, run, save
from store.lenses.lens import lens_text, parse_lens, slug
from store.lenses.placeholders import placeholders, with_values
from tests.store.helpers import Metric, finished_run, record
from tests.store.lens_home import enter, fill
from workbench.errors import InvalidError, NotFoundError, UsageError
from workbench.run.layout import Home

TEXT = """-- title: Runs by loss
-- chart: points x=seed y=loss
-- needs: metric
-- a remark

select seed, loss, $metric as metric
from run_summary order by loss, seed;
"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home(tmp_path_factory.mktemp("lenses") / ".workbench")
    made.path.mkdir()
    fill(made)
    return made


def own(home: Home, name: str, text: str) -> Path:
    path = home.path / "lenses" / f"{name}.sql"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def problem(error: pytest.ExceptionInfo[InvalidError]) -> str:
    [one] = error.value.problems
    return str(one)


def test_a_lens_is_read_from_its_head_and_its_query() -> None:
    lens = parse_lens(TEXT, Path("by-loss.sql"))
    assert (lens.name, lens.title, lens.needs, lens.parameters) == ("by loss", "Runs by loss", ("metric",), ("metric",))
    assert lens.chart == Chart("points", {"x": "seed", "y": "loss"})
    assert lens.first_line == 6
    assert lens.sql.startswith("select seed")
    assert lens.sql.endswith("seed")
    again = parse_lens(lens_text(lens), Path("by-loss.sql"))
    assert (again.title, again.chart, again.needs, again.sql) == (lens.title, lens.chart, lens.needs, lens.sql)
    assert again.remarks == lens.remarks == ("-- a remark",)


@pytest.mark.parametrize(
    ("line", "place", "words"),
    [
        ("-- tittle: x", 1, "did you mean 'title'?"),
        ("-- chart: pionts x=a y=b", 1, "did you mean 'points'?"),
        ("-- chart: lines x=a", 1, "a lines chart needs y"),
        ("-- chart: points x=a y=b z=c", 1, "'z=c' says no column"),
        ("-- chart: points x y=b", 1, "write role=column"),
        ("-- chart:", 1, "known: points, lines, heat"),
        ("-- needs: stduy", 1, "did you mean 'study'?"),
        ("-- title: a\n-- title: b", 2, "'title' stands here twice"),
        ("-- title: a\nselect 1,\n  $metrik", 3, "did you mean 'metric'?"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_by_line(line: str, place: int, words: str) -> None:
    with pytest.raises(InvalidError) as error:
        parse_lens(f"{line}\nselect 1", Path("x.sql"))
    assert problem(error).startswith(f"x.sql:{place}: ")
    assert words in problem(error)


def test_all_problems_of_a_file_are_told_at_once() -> None:
    with pytest.raises(InvalidError) as error:
        parse_lens("-- chart: pie\n-- needs: me\nselect $you", Path("x.sql"))
    assert [one.where for one in error.value.problems] == ["x.sql:1", "x.sql:2", "x.sql:3"]


def test_names_and_files() -> None:
    assert slug("type × depth map") == slug("Type x  Depth-Map") == "type-x-depth-map"
    assert slug("../../etc/passwd") == "etc-passwd"
    assert slug("Größe_2") == "größe-2"
    assert slug("***") == ""


def test_placeholders_in_strings_and_comments_are_none() -> None:
    sql = "select '×', $study, '$metric', \"$group\", x$y -- $group\n, $$ $study $$, $baseline::text /* $metric */"
    assert [place.name for place in placeholders(sql)] == ["study", "baseline"]
    written = with_values(sql, {"study": "it's -- $group", "baseline": None})
    assert written == (
        "select '×', 'it''s -- $group', '$metric', \"$group\", x$y -- $group\n, $$ $study $$, null::text /* $metric */"
    )


def test_a_lens_is_found_by_its_name_in_any_spelling(filled: Home) -> None:
    for word in ("type × depth map", "type-x-depth-map", "Type X Depth Map"):
        lens, notes = find(filled, word)
        assert (lens.name, notes) == ("type × depth map", [])
    with pytest.raises(NotFoundError) as error:
        find(filled, "group meens")
    assert "did you mean 'group means'?" in error.value.hint


def test_ones_own_lens_wins_and_says_so(home: Home) -> None:
    fill(home, study=False)
    path = own(home, "cost", "select 1 as mine")
    found = run(home, "cost")
    assert found.rows == ((1,),)
    assert found.notes == (f"your lens {path} stands in for the built-in one",)
    [listed] = [listed for listed in known(home) if listed.name == "cost"]
    assert (listed.built_in, listed.stands_in, listed.path) == (False, True, path)


def test_a_file_that_cannot_be_read_is_listed_with_its_problem(home: Home) -> None:
    own(home, "broken", "-- tittle: x\nselect 1")
    own(home, "other-name", "-- name: mine\nselect 1")
    own(home, "bytes", "").write_bytes(b"\xff\xfe\x00")
    found = {listed.name: listed for listed in known(home)}
    assert "did you mean 'title'?" in found["broken"].problem
    assert "says that it is the lens 'mine'" in found["other name"].problem
    assert "UTF-8" in found["bytes"].problem
    assert [name for name, listed in found.items() if listed.problem] == ["broken", "bytes", "other name"]
    assert len(found) == 8 + 3


@pytest.mark.parametrize(
    ("sql", "line", "words"),
    [
        ("select seed,\n  lozz\nfrom run_summary", 4, "lozz"),
        ("select seed\nfrom run_sumary", 4, "run_summary"),
        ("select seed,\n  lozz, $metric\nfrom run_summary", 4, "lozz"),
        ("select seed frm\nrun_summary x y", 4, "syntax error"),
        ("select 'abc'::integer,\n $study", 3, "Could not convert"),
    ],
)
def test_a_broken_lens_is_told_in_duckdbs_words_by_file_and_line(home: Home, sql: str, line: int, words: str) -> None:
    fill(home, study=False)
    path = own(home, "mine", f"-- title: mine\n-- a remark\n{sql}")
    with pytest.raises(InvalidError, match="the lens 'mine' does not run") as error:
        run(home, "mine")
    assert problem(error).startswith(f"{path}:{line}: ")
    assert words in problem(error)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("select 1; select 2", "2 statements are here"),
        ("", "no statement is here"),
        ("delete from runs", "this is DELETE"),
        ("with gone as (delete from runs returning *) from gone", "read-only"),
        ("from read_text('/etc/hostname')", "disabled"),
        ("select ?", "1"),
    ],
)
def test_a_lens_is_one_query_that_only_reads(filled: Home, sql: str, words: str) -> None:
    path = own(filled, "mine", sql)
    try:
        with pytest.raises(InvalidError) as error:
            run(filled, "mine")
        assert words in problem(error)
    finally:
        path.unlink()


def test_a_value_is_bound_and_never_part_of_the_query(filled: Home) -> None:
    path = own(filled, "mine", "-- needs: group\nselect $group as given")
    hostile = "@x'; drop table runs; --"
    try:
        with pytest.raises(NotFoundError):
            run(filled, "mine", {"group": hostile})
    finally:
        path.unlink()
    for name in ("study", "metric", "baseline"):
        with pytest.raises(NotFoundError):
            run(filled, "delta to baseline", {name: hostile})


def test_a_chart_must_name_columns_of_the_query(home: Home) -> None:
    fill(home, study=False)
    own(home, "mine", "-- chart: points x=seed y=los\nselect seed, loss from run_summary")
    with pytest.raises(InvalidError) as error:
        run(home, "mine")
    assert "the chart wants a column 'los', and the query has seed, loss" in problem(error)


def test_rows_are_cut_and_that_is_said(filled: Home) -> None:
    found = run(filled, "delta to baseline", limit=3)
    assert (len(found.rows), found.truncated) == (3, True)
    assert not run(filled, "delta to baseline").truncated


def test_what_is_not_given_comes_from_the_study(home: Home) -> None:
    fill(home, study=False)
    enter(home, "accurate", metric="exact_match")
    found = run(home, "type × depth map")
    assert found.parameters == {"study": "accurate", "metric": "exact_match", "baseline": "base"}
    assert found.notes == ("study accurate, the only one here",)
    assert run(home, "delta to baseline").parameters["metric"] is None
    assert run(home, "group means").parameters["group"] == "type"
    enter(home, "second")
    with pytest.raises(UsageError, match="which study\\? There are 2") as error:
        run(home, "cost")
    assert error.value.hint == "--study accurate | second; or --plans for the plans of all finished runs"
    assert run(home, "cost", {"study": "second"}).notes == ()
    assert run(home, "cost", {"study": None}).parameters == {"study": None, "baseline": "base"}


def test_a_parameter_that_cannot_be_found_is_named(home: Home) -> None:
    fill(home, study=False)
    own(home, "mine", "-- needs: study\nselect $study as study")
    with pytest.raises(UsageError, match="the lens 'mine' needs a study") as error:
        run(home, "mine")
    assert "--study STUDY" in error.value.hint
    enter(home, "cut")
    assert run(home, "mine").rows == (("cut",),)
    with pytest.raises(UsageError, match="needs a study"):
        run(home, "mine", {"study": None})


@pytest.mark.parametrize(
    ("given", "title", "words"),
    [
        ({"study": "cutt"}, "no study 'cutt'", "did you mean 'cut'?"),
        ({"baseline": "mlp2"}, "study cut has no arm 'mlp2'", "did you mean 'mlp-2'?"),
        ({"metric": "los"}, "no finished run has the metric 'los'", "did you mean 'loss'?"),
        ({"study": None, "baseline": "mlp2"}, "no run or plan is called 'mlp2'", "did you mean 'mlp-2'?"),
    ],
)
def test_a_word_that_nothing_has_brings_the_nearest(
    filled: Home, given: dict[str, str | None], title: str, words: str
) -> None:
    with pytest.raises(NotFoundError) as error:
        run(filled, "delta to baseline", given)
    assert error.value.title == title
    assert words in error.value.hint


def test_groups_are_those_of_compare(filled: Home) -> None:
    with pytest.raises(UsageError, match="cannot group by 'bnad'"):
        run(filled, "group means", {"group": "bnad"})
    with pytest.raises(NotFoundError, match="no group '@late'"):
        run(filled, "group means", {"group": "@late"})
    with pytest.raises(UsageError, match="'lr' is no parameter"):
        run(filled, "group means", {"lr": "1"})
    assert "has no use for --group" in run(filled, "cost", {"study": "cut", "group": "band"}).notes[0]


def test_named_groups_have_figures(home: Home) -> None:
    groups = {"first": ["model.layers.0.mlp.up_proj"], "last": ["model.layers.2.mlp.up_proj"]}
    finished_run(home, record("00000000000a", groups=groups), [Metric("loss", 0.5, False)])
    ingest(home)
    found = run(home, "group means", {"group": "@last, @first"})
    places = [found.columns.index(name) for name in ("group_name", "n", "sites")]
    assert [tuple(row[i] for i in places) for row in found.rows] == [("@first", 1, 1), ("@last", 1, 1)]
    assert found.parameters["group"] == "@last,@first"


def test_plans_have_the_labels_that_compare_gives_them(home: Home) -> None:
    from store.compare import compare

    ways = [
        {"plan": "a", "plan_hash": "1" * 12},
        {"plan": "a", "plan_hash": "2" * 12},
        {"plan": "é×", "plan_hash": "3" * 12},
        {"plan": "é×", "plan_hash": "3" * 12, "recipe_hash": "d" * 12},
        {"plan": "only", "plan_hash": "4" * 12},
    ]
    for number, changes in enumerate(ways):
        for seed in (0, 1):
            written = record(f"{10 * number + seed:012x}", seed=seed, **changes)
            finished_run(home, written, [Metric("loss", number + seed, False)])
    ingest(home)
    labels = [row.plan for row in compare(home).plans]
    found = run(home, "loss against trainable parameters")
    assert sorted(row[0] for row in found.rows) == sorted(labels)
    assert labels[0] == found.parameters["baseline"] == "a#111111"
    for label in labels:
        assert run(home, "cost", {"baseline": label}).parameters["baseline"] == label
    assert run(home, "cost", {"baseline": f"{10:012x}"}).parameters["baseline"] == "a#222222"
    several = run(home, "cost", {"baseline": "a"})
    assert several.notes == ("the baseline could be any of a#111111, a#222222: the first is taken",)


def test_deltas_of_plans_are_those_of_compare(filled: Home) -> None:
    from store.compare import compare

    found = run(filled, "delta to baseline", {"study": None, "metric": "loss"})
    place = {name: i for i, name in enumerate(found.columns)}
    lens = {row[place["arm"]]: row for row in found.rows}
    compared = compare(filled)
    for plan in (*compared.plans, *compared.references):
        estimate, row = plan.metrics["loss"], lens[plan.plan]
        assert (estimate.n, plan.trainable_params) == (row[place["seeds"]], row[place["trainable_params"]])
        assert [estimate.mean, plan.discount] == pytest.approx([row[place["mean"]], row[place["discount"]]])
        if plan.plan != "base":
            assert estimate.delta == pytest.approx(row[place["delta"]])
        interval = (row[place["low"]], row[place["high"]])
        assert estimate.ci == (pytest.approx(interval, abs=1e-7) if estimate.ci else None)


def test_runs_on_other_data_are_left_out_and_counted(home: Home) -> None:
    for number, data in enumerate(["a" * 12, "a" * 12, "b" * 12]):
        written = record(f"{number:012x}", plan=f"p{number}", plan_hash=str(number) * 12, data_hash=data)
        finished_run(home, written, [Metric("loss", 0.5, False)])
    ingest(home)
    found = run(home, "cost")
    assert [row[0] for row in found.rows] == ["p0", "p1"]
    assert found.notes == ("1 finished runs are left out, as on another model or other data than p0",)
    assert [row[0] for row in run(home, "cost", {"baseline": "p2"}).rows] == ["p2"]


def test_nothing_finished(home: Home) -> None:
    ingest(home)
    with pytest.raises(NotFoundError, match="no finished run"):
        run(home, "cost")


def test_a_lens_is_saved_once_it_runs(home: Home) -> None:
    fill(home)
    saved = save(home, "Runs by loss", TEXT)
    assert saved.lens.path == home.path / "lenses" / "runs-by-loss.sql"
    assert (saved.rows, saved.stands_in) == (22, False)
    found = run(home, "runs by loss")
    assert (found.name, found.title, len(found.rows)) == ("Runs by loss", "Runs by loss", 22)
    assert "-- a remark\n" in saved.lens.path.read_text()
    with pytest.raises(UsageError, match="exists"):
        save(home, "runs-by-loss", "select 1")
    assert save(home, "runs by loss", "select 1 as one", title="One", force=True).rows == 1
    assert run(home, "runs by loss").title == "One"
    assert [path.name for path in saved.lens.path.parent.iterdir()] == ["runs-by-loss.sql"]


def test_a_copy_of_a_lens_keeps_its_head_but_for_the_name(home: Home) -> None:
    lens, _ = find(home, "type × depth map")
    saved = save(home, "my map", lens.path.read_text(encoding="utf-8"))
    assert (saved.lens.name, saved.lens.title, saved.lens.chart) == ("my map", lens.title, lens.chart)
    again, _ = find(home, "my map")
    assert (again.sql, again.needs) == (lens.sql, lens.needs)
    assert save(home, "cost", "select 1").stands_in


@pytest.mark.parametrize("filled_home", [False, True])
@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("select lozz from run_summary", InvalidError, "lozz"),
        ("-- title: x\nselect 1 frm x y", InvalidError, "the text:2"),
        ("create table z(i integer)", InvalidError, "this is CREATE"),
        ("select $metrik", InvalidError, "did you mean 'metric'?"),
        ("  \n", UsageError, "no SQL given"),
    ],
)
def test_what_does_not_run_is_not_saved(
    home: Home, filled_home: bool, text: str, error: type[InvalidError | UsageError], words: str
) -> None:
    if filled_home:
        finished_run(home, record("00000000000a"))
        ingest(home)
    with pytest.raises(error) as found:
        save(home, "mine", text, source="the text")
    assert words in f"{found.value.title} {' '.join(map(str, found.value.problems))}"
    assert not (home.path / "lenses").exists()


def test_a_lens_can_be_saved_before_there_are_results(home: Home) -> None:
    assert save(home, "mine", "select $study, count(*) from runs").rows == 1
    with pytest.raises(UsageError, match="is no name of a lens"):
        save(home, "***", "select 1")
