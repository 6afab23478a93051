"""The kinds of data files: what each reads, and what it says about a broken one."""

import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from workbench.data.rows import Rows
from workbench.data.source import read_rows
from workbench.errors import InvalidError, NotFoundError

ROWS = [{"prompt": 'a,\n"b"', "completion": "é"}, {"prompt": "2", "completion": "x"}]


def _faults(rows: Rows) -> list[tuple[str, str]]:
    return [(problem.where, problem.message) for problem in rows.problems(rows.faults)]


def _write(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def test_every_kind_reads_the_same_rows(tmp_path: Path) -> None:
    table = pyarrow.Table.from_pylist(ROWS)
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    files = {
        "a.jsonl": "\n".join(map(json.dumps, ROWS)),
        "a.json": "\ufeff" + json.dumps(ROWS, indent=2),
        "a.csv": '\ufeffprompt,completion\r\n"a,\n""b""",é\r\n\r\n2,x\r\n',
    }
    for name, text in files.items():
        _write(tmp_path, name, text)
    read = {name: read_rows(str(tmp_path / name)) for name in (*files, "a.parquet")}
    assert all([row.values for row in rows.rows] == ROWS for rows in read.values())
    assert {name: [row.line for row in rows.rows] for name, rows in read.items()} == {
        "a.jsonl": [1, 2],
        "a.json": [2, 6],
        "a.csv": [2, 5],
        "a.parquet": [1, 2],
    }
    assert read["a.parquet"].where(2) == f"{tmp_path / 'a.parquet'} row 2"
    assert len({rows.sha256 for rows in read.values()}) == 4


@pytest.mark.parametrize("name", ["a.txt", "a", "a.tsv"])
def test_an_unknown_kind_lists_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidError, match=r"kind of data file|without a suffix") as caught:
        read_rows(_write(tmp_path, name, "a\n"))
    assert ".jsonl, .json, .csv, .parquet, and hub names" in caught.value.hint


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.parquet"])
def test_an_empty_file_is_said_to_be_empty(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidError, match="no examples in it") as caught:
        read_rows(_write(tmp_path, name, "\n"))
    assert caught.value.hint == "the file is empty"


@pytest.mark.parametrize(("name", "content"), [("a.json", "[ ]"), ("a.csv", "prompt,completion\n")])
def test_a_file_without_rows_has_no_examples(tmp_path: Path, name: str, content: str) -> None:
    with pytest.raises(InvalidError, match="no examples in it"):
        read_rows(_write(tmp_path, name, content))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[{"a": 1},\n {"a": }]', "a.json:2:8: not JSON (Expecting value)"),
        ('[{"a": 1}\n {"a": 2}]', "a.json:2:2: not JSON (',' or ']' is expected here)"),
        ('[{"a": 1},\n', "a.json:2:1: not JSON (Expecting value)"),
        ('[{"a": 1}]\n]', "a.json:2:1: not JSON (something follows the list)"),
        ('{"a": 1}\n{"a": 2}', "a.json: not a JSON list"),
        (b'[{"a": 1},\n{"a": "\xff"}]', "a.json:2: not UTF-8"),
    ],
)
def test_broken_json_says_where(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(InvalidError) as caught:
        read_rows(_write(tmp_path, "a.json", content))
    assert words in caught.value.title
    assert caught.value.hint


def test_items_of_a_json_list_that_are_no_objects_are_named_by_line(tmp_path: Path) -> None:
    path = _write(tmp_path, "a.json", '[\n{"a": 1},\n2, {"a": 3},\n"x"\n]')
    rows = read_rows(path)
    assert [row.line for row in rows.rows] == [2, 3]
    assert _faults(rows) == [(f"{path}:3", "not a JSON object"), (f"{path}:4", "not a JSON object")]


def test_ragged_broken_and_undecodable_csv_rows_are_named_by_line(tmp_path: Path) -> None:
    content = b'prompt,completion\na,b\na,b,c\n"x\ny",d\nlonely\n"e"f,g\n\xff,h\ni,j\n'
    path = _write(tmp_path, "a.csv", content)
    rows = read_rows(path)
    assert [(row.line, row.values["prompt"]) for row in rows.rows] == [(2, "a"), (4, "x\ny"), (9, "i")]
    assert _faults(rows) == [
        (f"{path}:3", "3 fields, and the header has 2"),
        (f"{path}:6", "1 field, and the header has 2"),
        (f"{path}:7", "not CSV (',' expected after '\"')"),
        (f"{path}:8", "not UTF-8"),
    ]


def test_a_quote_that_never_closes_is_named_by_the_line_it_opens_on(tmp_path: Path) -> None:
    path = _write(tmp_path, "a.csv", 'prompt,completion\na,b\n"c,d\ne,f\n')
    rows = read_rows(path)
    assert _faults(rows) == [(f"{path}:3", "not CSV (unexpected end of data)")]


def test_a_header_that_names_a_column_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match=r"a\.csv:1: the header has 'a' twice"):
        read_rows(_write(tmp_path, "a.csv", "a,b,a\n1,2,3\n"))


def test_long_csv_fields_are_read(tmp_path: Path) -> None:
    text = "x" * 300_000
    assert read_rows(_write(tmp_path, "a.csv", f"a\n{text}\n")).rows[0].values == {"a": text}


def test_broken_parquet_is_refused(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    for content in (b"PAR1 nothing like it", whole[:-20], whole[:4] + b"\0" * (len(whole) - 4)):
        with pytest.raises(InvalidError, match="not a Parquet file that can be read") as caught:
            read_rows(_write(tmp_path, "b.parquet", content))
        assert caught.value.hint == "write or fetch it anew"


def test_a_folder_is_not_a_data_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="cannot be read"):
        read_rows(str(tmp_path))


def test_a_missing_file_names_the_nearest_data_file(tmp_path: Path) -> None:
    _write(tmp_path, "train.parquet", "")
    _write(tmp_path, "trains.txt", "")
    with pytest.raises(NotFoundError) as caught:
        read_rows(str(tmp_path / "trian.parquet"))
    assert caught.value.hint == "did you mean 'train.parquet'?"
