"""The parts of the Compare screen that need no screen: statements, completion, values, history, charts, exports."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.compare.asking import Answer, Shelf
from tui.compare.chart.draw import draw
from tui.compare.chart.drawing import ASCII, UNICODE, plain
from tui.compare.chart.points import ChartAsked
from tui.compare.completion import Names, complete
from tui.compare.export import COPIED, export, tsv
from tui.compare.history import History
from tui.compare.parameters import options, read_values, values_text
from tui.compare.said import few_text, lonely_text, result_title, words
from tui.compare.statements import statement_at, statements
from tui.twin import command_line
from tui.widgets.result_table import result_table
from workbench.errors import UsageError, WorkbenchError
from workbench.run.layout import Home

NAMES = Names(
    {"runs": ("run_id", "name"), "run_summary": ("run_id", "loss", "plan")}, ("arms_of", "avg", "round"), ("select",)
)


def test_semicolons_in_strings_and_comments_end_no_statement() -> None:
    text = "select ';' -- a;b\n, \"x;y\";\n/* ; */ select $$;$$;  ;select 3"
    assert [one.text.strip() for one in statements(text)] == [
        "select ';' -- a;b\n, \"x;y\"",
        "/* ; */ select $$;$$",
        "select 3",
    ]
    second = statement_at(text, text.index("/*"))
    assert second is not None
    assert second.line == 1
    assert second.padded.split("\n")[2].startswith("/* ; */")
    assert statement_at("  \n", 0) is None


@given(st.text(alphabet="select ;'\"-\n/*$a", max_size=60), st.integers(0, 60))
def test_any_text_has_statements_that_lie_in_it(text: str, place: int) -> None:
    for one in statements(text):
        assert text[one.start : one.end] == one.text
    assert (statement_at(text, place) is None) == (not statements(text))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("from run", "", ["runs", "run_summary"]),
        ("select lo", " from run_summary", ["loss"]),
        ("select s.p", " from run_summary as s", ["plan"]),
        ("select runs.", "", ["run_id", "name"]),
        ("select av", "", ["avg"]),
        ("where study = $st", "", ["study"]),
        ("select 'ru", "", []),
        ("-- ru", "", []),
        ("select avg", "", []),
        ("select ", "", []),
        ("select 'a' ru", "", ["runs", "run_summary"]),
    ],
)
def test_names_are_completed_where_they_can_stand(before: str, after: str, expected: list[str]) -> None:
    assert [name for name in complete(before, after, NAMES).candidates if name != "run_id"] == [
        name for name in expected if name != "run_id"
    ]


@given(st.text(max_size=40), st.text(max_size=20))
def test_what_is_completed_begins_with_the_word(before: str, after: str) -> None:
    found = complete(before, after, NAMES)
    assert all(name.lower().startswith(found.word.lower()) for name in found.candidates)


def test_values_are_read_and_written_alike() -> None:
    read = read_values("study='my study' metric=loss@int4 group=type,band")
    assert read.values == {"study": "my study", "metric": "loss@int4", "group": "type,band"}
    assert read_values(values_text(read.values)).values == read.values
    assert read_values("plans").values == {"study": None}
    assert options(read.values) == ["--study", "my study", "--metric", "loss@int4", "--group", "type,band"]
    assert "did you mean 'study'" in read_values("stduy=x").error
    assert "a quote is open" in read_values("study='x").error
    assert "metric=VALUE" in read_values("metric=").error


def test_history_goes_back_and_forth_and_outlives_the_program(tmp_path: Path) -> None:
    path = tmp_path / "drafts" / "sql.jsonl"
    history = History.read(path)
    assert history.older("") is None
    for sql in ("select 1", "select 2", "select 2"):
        history.add(sql)
    path.write_text(path.read_text() + '{"torn')
    history = History.read(path)
    assert history.queries == ["select 1", "select 2"]
    assert history.older("half written") == "select 2"
    assert history.older("select 2") == "select 1"
    assert history.older("select 1") is None
    assert [history.newer(), history.newer(), history.newer()] == ["select 2", "half written", None]
    lines = path.read_text().splitlines()
    assert json.loads(lines[-1])["sql"] == "half written"
    assert [query for query in History.read(path).queries] == ["select 1", "select 2", "half written"]


COLUMNS = ("arm", "n", "delta", "low", "high", "params")
ROWS = (("base", 3, 0.1, 0.05, 0.15, 100), ("late", 1, 0.2, None, None, 200), ("none", 0, None, None, None, 0))


def test_intervals_say_the_number_and_its_n_and_mark_those_of_few_runs() -> None:
    asked = ChartAsked("points", {"x": "delta", "y": "arm", "low": "low", "high": "high"})
    lines = plain(draw(asked, COLUMNS, ROWS, 50, 10, UNICODE)).splitlines()
    assert "●" in lines[0]
    assert "├" in lines[0]
    assert lines[0].endswith("0.1 n=3")
    assert "○" in lines[1]
    assert lines[1].endswith("0.2 n=1")
    assert lines[-1] == "1 rows have no number"
    assert all(len(line) <= 50 for line in lines)
    assert plain(draw(asked, COLUMNS, ROWS, 50, 10, ASCII)).isascii()


def test_names_that_are_too_long_stay_different() -> None:
    arms = [f"from={where},discount={share}" for where in ("attention", "both") for share in (0.1, 0.2)]
    asked = ChartAsked("points", {"x": "delta", "y": "arm"})
    rows = [(arm, i / 10) for i, arm in enumerate(arms)]
    narrow = [line.split()[0] for line in _texts(asked, ("arm", "delta"), rows, 44)[:4]]
    assert narrow == ["attention,0.1", "attention,0.2", "both,0.1", "both,0.2"]
    short = [line.split()[0] for line in _texts(asked, ("arm", "delta"), rows[2:] * 2, 80)[:2]]
    assert short == ["from=both,discount=0.1", "from=both,discount=0.2"]
    alike = [("rate=1,more=a-long-name", 0.1), ("more=1,rate=a-long-name", 0.2)]
    shown = [line.split(" 0.")[0] for line in _texts(asked, ("arm", "delta"), alike, 44)[:2]]
    assert shown[0][:4] == "rate"
    assert shown[1][:4] == "more"


def test_groups_of_one_quantity_share_a_scale_and_metrics_have_their_own() -> None:
    rows = [("a", "one", 0.0), ("b", "one", 1.0), ("a", "two", 0.0), ("b", "two", 10.0)]
    for by, places in (("by", [0, 1, 0, 10]), ("metric", [0, 10, 0, 10])):
        asked = ChartAsked("points", {"x": "delta", "y": "arm", "by": by})
        lines = [line for line in _texts(asked, ("arm", by, "delta"), rows, 80) if "●" in line]
        far = max(line.index("●") for line in lines) - lines[0].index("●")
        found = [round(10 * (line.index("●") - lines[0].index("●")) / far) for line in lines]
        assert found == places


def _texts(asked: ChartAsked, columns: tuple[str, ...], rows: list[tuple[Any, ...]], width: int) -> list[str]:
    return plain(draw(asked, columns, rows, width, 20, UNICODE)).splitlines()


@pytest.mark.parametrize("kind", ["points", "lines"])
def test_numbers_against_numbers_stand_in_a_plane(kind: str) -> None:
    asked = ChartAsked(
        kind, {"x": "params", "y": "delta", "by": "arm"} | ({"label": "arm"} if kind == "points" else {})
    )
    lines = plain(draw(asked, COLUMNS, ROWS, 50, 12, UNICODE)).splitlines()
    assert len(lines) == 12
    assert "0.2│" in lines[0]
    assert "base n=3" in "\n".join(lines)


def test_two_rows_for_one_cell_of_a_map_are_told() -> None:
    rows = (("a", "x", 1.0, 3), ("b", "x", 2.0, 1), ("b", "x", 4.0, 1))
    asked = ChartAsked("heat", {"x": "kind", "y": "arm", "value": "delta"})
    text = plain(draw(asked, ("arm", "kind", "delta", "n"), rows, 60, 10, UNICODE))
    assert "1 n=3" in text
    assert "2 rows" in text


CELLS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers()))


@given(
    st.lists(st.tuples(*[CELLS] * 4), max_size=6),
    st.sampled_from(["points", "lines", "heat"]),
    st.integers(0, 90),
    st.integers(0, 30),
)
def test_any_rows_are_drawn(rows: list[tuple[Any, ...]], kind: str, width: int, height: int) -> None:
    roles = {"x": "a", "y": "b", "value": "c", "low": "c", "high": "d", "by": "d", "label": "d"}
    assert draw(ChartAsked(kind, roles), ("a", "b", "c", "d"), rows, width, height, UNICODE)


def test_cells_are_as_wide_as_their_column_and_a_cut_one_says_so() -> None:
    rows = tuple((i, float(i) * 1e12, "漢字" * 40, None) for i in range(2000))
    table = result_table(("i", "x", "t", "n"), ("BIGINT", "DOUBLE", "VARCHAR", "INTEGER"), rows)
    assert table.numeric == (True, True, False, True)
    assert table.cell(1999, 0) == "1999"
    assert table.cell(1999, 1).strip() == f"{1999e12:,.4g}" or "…" not in table.cell(1999, 1)
    assert table.cell(0, 2).endswith("…")
    assert table.cell(0, 3) == "–"


def _answer(rows: tuple[tuple[Any, ...], ...], cut: bool = False, chart: ChartAsked | None = None) -> Answer:
    types = ("VARCHAR", "BIGINT", "DOUBLE", "DOUBLE", "DOUBLE", "BIGINT")
    return Answer(
        result_table(COLUMNS, types, rows), types, chart, "A title", {"study": None}, (), "select 1", cut, 0.1
    )


def test_a_result_goes_to_files(tmp_path: Path) -> None:
    answer = _answer(ROWS, cut=True, chart=ChartAsked("points", {"x": "delta", "y": "arm"}))
    assert "cut at the limit" in export(answer, str(tmp_path / "r.csv"))
    assert (tmp_path / "r.csv").read_text().splitlines()[1] == "base,3,0.1,0.05,0.15,100"
    export(answer, str(tmp_path / "r.md"))
    assert "The first 3 rows of more." in (tmp_path / "r.md").read_text()
    export(answer, str(tmp_path / "r.svg"))
    assert "n=3" in (tmp_path / "r.svg").read_text()
    export(answer, str(tmp_path / "r.parquet"))
    assert (tmp_path / "r.parquet").read_bytes()[:4] == b"PAR1"
    with pytest.raises(UsageError, match="exists"):
        export(answer, str(tmp_path / "r.csv"))
    export(answer, str(tmp_path / "r.csv") + "!")
    for name in ("r.xlsx", "no/where.csv"):
        with pytest.raises(WorkbenchError):
            export(answer, str(tmp_path / name))


def test_the_clipboard_gets_as_many_rows_as_fit() -> None:
    text, said = tsv(_answer(ROWS))
    assert (text.splitlines()[2], said) == ("late\t1\t0.2\t\t\t200", "copied 3 rows")
    text, said = tsv(_answer(ROWS * 5000))
    assert len(text) <= COPIED + 100
    rows = len(text.splitlines()) - 1
    assert rows < 15_000
    assert said.startswith(f"copied {rows:,} rows of 15,000: ")


def test_rows_that_rest_on_too_few_runs_are_counted() -> None:
    table = result_table(("arm", "n"), ("VARCHAR", "BIGINT"), (("a", 3), ("b", 2), ("c", 1), ("d", None)))
    assert few_text(table) == " · 2 of them with n < 3"
    assert few_text(result_table(("arm",), ("VARCHAR",), (("a",),))) == ""


def test_titles_tell_the_two_limits_apart() -> None:
    assert result_title(1, 1, False, 0.012) == "Result: 1 row · 12 ms"
    assert result_title(20_000, 10_000, False, 2) == "Result: 10,000 shown of 20,000 rows · L all · 2 s"
    assert result_title(100, 100, True, 0.012) == "Result: 100 rows · cut, there are more · 12 ms"
    assert "10,000 of 100,000 fetched · cut" in result_title(100_000, 10_000, True, 1)


def test_a_plan_alone_has_nothing_to_be_compared_with() -> None:
    alone = Shelf((), arms=("[b]draft",))
    assert lonely_text(alone, {"study": None, "baseline": "[b]draft"}).startswith("only [b]draft has finished runs")
    assert lonely_text(alone, {"group": "type"}) == ""
    assert lonely_text(Shelf((), arms=("one", "other")), {"baseline": "one"}) == ""


def test_a_result_has_its_command() -> None:
    assert words(_answer(ROWS), "group means") == ["lens", "run", "group means", "--plans"]
    assert words(_answer(ROWS), None) == ["sql", "select 1"]


def test_a_command_names_its_home_and_can_be_read_and_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / "a home" / ".workbench")
    sql = "select 'it' from runs"
    assert command_line(home, ["sql", sql]) == f"workbench --home '{home.path}' sql \"{sql}\""
    home.path.mkdir(parents=True)
    monkeypatch.chdir(home.path.parent)
    for odd in ("it's $HOME", 'a "b"', "`x'", "a'!"):
        line = command_line(home, ["sql", odd])
        assert line.startswith("workbench sql ")
        assert shlex.split(line) == ["workbench", "sql", odd]
