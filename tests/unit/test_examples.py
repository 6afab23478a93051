import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.data.example import Example
from workbench.data.load import Source, load_data, read_source, split_examples
from workbench.errors import InvalidError, NotFoundError
from workbench.run.recipe import Recipe, Split


def write_rows(path: Path, rows: list[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _read(path: Path, **recipe: Any) -> Source:
    source = read_source(str(path), Recipe(str(path), **recipe))
    source.check()
    return source


def test_prompt_completion_is_recognised(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.jsonl", [{"prompt": "1+1=", "completion": "2"}])
    read = _read(path)
    assert read.layout.format.name == "prompt_completion"
    assert read.examples == (Example("1+1=", "2", 1),)


def test_alpaca_with_and_without_input(tmp_path: Path) -> None:
    rows = [
        {"instruction": "Add.", "input": "1 and 1", "output": "2"},
        {"instruction": "Say hi.", "input": "", "output": "hi"},
    ]
    read = _read(write_rows(tmp_path / "a.jsonl", rows))
    assert read.layout.format.name == "alpaca"
    assert read.examples[0].prompt == "### Instruction:\nAdd.\n\n### Input:\n1 and 1\n\n### Response:\n"
    assert read.examples[1].prompt == "### Instruction:\nSay hi.\n\n### Response:\n"


def test_every_malformed_row_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    lines = [b'{"prompt": "a", "completion": "b"}', b"{torn", b'{"prompt": "a"}', b'{"prompt": 1, "completion": "b"}']
    lines += [b"[1]", b'{"prompt": "\xff", "completion": "b"}']
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(InvalidError) as caught:
        _read(path)
    assert caught.value.title == f"{path}: 5 malformed rows"
    assert [p.where.rsplit(":", 1)[1] for p in caught.value.problems] == ["2", "3", "4", "5", "6"]
    messages = [p.message for p in caught.value.problems]
    assert messages[0].startswith("not JSON")
    assert messages[1] == "the key 'completion' is missing"
    assert messages[2] == "'prompt' is int, a string is expected"
    assert messages[3] == "not a JSON object"
    assert messages[4].startswith("not UTF-8")


def test_one_bad_line_in_ten_thousand(tmp_path: Path) -> None:
    rows = [json.dumps({"prompt": str(i), "completion": "x"}) for i in range(10_000)]
    rows[6543] = "oops"
    path = tmp_path / "long.jsonl"
    path.write_text("\n".join(rows))
    with pytest.raises(InvalidError) as caught:
        _read(path)
    assert caught.value.title == f"{path}: 1 malformed row"
    assert [problem.where for problem in caught.value.problems] == [f"{path}:6544"]


def test_the_first_of_many_malformed_rows_are_listed_and_all_counted(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    path.write_text("oops\n" * 50)
    with pytest.raises(InvalidError) as caught:
        _read(path)
    assert caught.value.title == f"{path}: 50 malformed rows (the first 20 are listed)"
    assert len(caught.value.problems) == 20
    assert "data check" in caught.value.hint


@pytest.mark.parametrize("content", ["", "\n\n  \n"])
def test_an_empty_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_text(content)
    with pytest.raises(InvalidError, match="no examples"):
        _read(path)


def test_unknown_keys_list_the_known_formats(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "odd.jsonl", [{"question": "a", "answer": "b"}])
    with pytest.raises(InvalidError) as caught:
        _read(path)
    assert "question, answer" in caught.value.title
    assert "alpaca: instruction, output" in caught.value.hint


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    write_rows(tmp_path / "train.jsonl", [])
    with pytest.raises(NotFoundError) as caught:
        _read(tmp_path / "trian.jsonl")
    assert "train.jsonl" in caught.value.hint


def test_an_unknown_format_names_the_nearest(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.jsonl", [{"prompt": "a", "completion": "b"}])
    with pytest.raises(InvalidError) as caught:
        _read(path, format="alpacca")
    assert caught.value.hint == "did you mean 'alpaca'?"


@given(count=st.integers(2, 60), fraction=st.floats(0.05, 0.9), seed=st.integers(0, 5))
def test_a_split_loses_and_doubles_nothing(count: int, fraction: float, seed: int) -> None:
    examples = tuple(Example(str(i), "x", i + 1) for i in range(count))
    training, evaluation = split_examples(examples, Split(fraction, seed))
    assert sorted([*training, *evaluation], key=lambda e: e.line) == list(examples)
    assert len(evaluation) == round(count * fraction)
    assert split_examples(examples, Split(fraction, seed)) == (training, evaluation)


def test_the_hash_depends_on_the_contents_not_the_path(tmp_path: Path) -> None:
    rows: list[object] = [{"prompt": str(i), "completion": "x"} for i in range(10)]
    one, two = write_rows(tmp_path / "one.jsonl", rows), write_rows(tmp_path / "two.jsonl", rows)
    assert load_data(Recipe(str(one))).hash == load_data(Recipe(str(two))).hash
    write_rows(two, [*rows, {"prompt": "new", "completion": "x"}])
    assert load_data(Recipe(str(one))).hash != load_data(Recipe(str(two))).hash


def test_a_part_without_examples_is_refused(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "one.jsonl", [{"prompt": "a", "completion": "b"}])
    with pytest.raises(InvalidError, match="1 training and 0 evaluation"):
        load_data(Recipe(str(path), split=Split(0.1)))


def test_eval_data_takes_the_place_of_a_split(tmp_path: Path) -> None:
    one = write_rows(tmp_path / "one.jsonl", [{"prompt": str(i), "completion": "x"} for i in range(3)])
    two = write_rows(tmp_path / "two.json", [])
    two.write_text(json.dumps([{"instruction": "a", "output": "b"}]))
    data = load_data(Recipe(str(one), eval_data=str(two)))
    assert (len(data.training), len(data.evaluation), data.format) == (3, 1, "auto")
    assert data.said == (
        f"data: {one}: prompt_completion (recognised from prompt, completion), 3 examples",
        f"eval_data: {two}: alpaca (recognised from instruction, output), 1 example",
    )
    assert data.sources["eval_data"] == {
        "path": str(two),
        "format": "alpaca",
        "sha256": read_source(str(two), Recipe(str(two))).rows.sha256,
        "examples": 1,
    }
    assert data.hash != load_data(Recipe(str(one), split=Split(0.5))).hash
