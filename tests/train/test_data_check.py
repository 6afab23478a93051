"""What a check of data counts, and what every kind of bad data says."""

import json
from pathlib import Path

import pytest

from tests.train.support import BASE
from workbench.data.check import DataCheck, check_data
from workbench.errors import InvalidError, WorkbenchError
from workbench.run.recipe_file import recipe_for
from workbench.train.tokenizer import load_tokenizer

ROWS = [{"prompt": f"sort {'cba' * (i % 3 + 1)}=", "completion": "abc"} for i in range(20)]


def _check(path: Path, *changes: str) -> DataCheck:
    return check_data(recipe_for(str(path), changes), lambda: load_tokenizer(BASE))


def _said(path: Path, *changes: str) -> tuple[int, str]:
    """The exit code that `data check` has, and all that it says is wrong."""
    try:
        found = _check(path, *changes)
    except WorkbenchError as error:
        return error.exit_code, f"{error.title}\n{error.hint}"
    return (0 if found.ok else InvalidError.exit_code), "\n".join(map(str, found.errors))


def _jsonl(folder: Path, rows: list[dict[str, object]]) -> Path:
    path = folder / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_json_has_lengths_shares_and_marked_samples(tmp_path: Path) -> None:
    found = _check(_jsonl(tmp_path, ROWS), "max_length=12").to_json()
    assert (found["ok"], found["format"], found["training"], found["evaluation"]) == (True, "prompt_completion", 18, 2)
    (source,) = found["sources"]
    # <bos>, the prompt's 9, 12 or 15 characters; then 3 of the completion and <eos>.
    assert source["prompt"] == {"min": 10, "p50": 13, "p90": 16, "p99": 16, "max": 16}
    assert source["whole"] == {"min": 14, "p50": 17, "p90": 20, "p99": 20, "max": 20}
    assert (source["truncated"], source["without_target"]) == (20, 13)
    assert (source["tokens"], source["targets"]) == (7 * 12, 7 * 2)
    assert found["samples"][0]["text"] == "<bos>sort cba=⟦ab⟧"
    assert found["errors"] == []


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [
        ("a.jsonl", b"", 3, ["a.jsonl: no examples in it", "the file is empty"]),
        (
            "a.jsonl",
            b'{"prompt": "\xff", "completion": "a"}\n',
            3,
            ["a.jsonl:1: not UTF-8 (byte 13)", "save it as UTF-8"],
        ),
        ("a.csv", b"prompt,competion\na,b\n", 3, ["not recognised from the keys prompt, competion", "`columns`"]),
        ("a.csv", b"prompt,completion\na,b\nc,d\ne\n", 3, ["a.csv:4: 1 field, and the header has 2"]),
        ("a.json", b'[{"prompt": "a"', 3, ["a.json:1:16: not JSON"]),
        ("a.parquet", b"PAR1", 3, ["a.parquet: not a Parquet file that can be read"]),
        ("a.txt", b"abc\n", 3, ["unknown kind of data file '.txt'", ".jsonl, .json, .csv, .parquet"]),
        ("b.jsonl", None, 4, ["b.jsonl: no such data file"]),
    ],
)
def test_bad_files_say_what_is_wrong(
    tmp_path: Path, name: str, content: bytes | None, code: int, words: list[str]
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    found, said = _said(tmp_path / name)
    assert found == code
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("rows", "change", "words"),
    [
        (ROWS, "max_length=5", ["no target token is left", "the longest prompt has 16 tokens: raise max_length"]),
        (ROWS[:2], "split={fraction: 0.1}", ["2 training and 0 evaluation examples", "name eval_data"]),
        ([{"q": "a", "a": "b"}] * 20, "columns={prompt: qq, completion: a}", ["no column 'qq'", "mean 'q'?"]),
        (
            [{"question": "a", "completion": "b"}] * 20,
            'prompt_template="{qestion}"',
            ["prompt_template: no column 'qestion'", "did you mean 'question'?"],
        ),
        (
            [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}] * 20,
            "format=auto",
            ["the tokenizer has no chat template", "format: prompt_completion"],
        ),
    ],
)
def test_data_that_cannot_be_trained_on_is_refused(
    tmp_path: Path, rows: list[dict[str, object]], change: str, words: list[str]
) -> None:
    code, said = _said(_jsonl(tmp_path, rows), change)
    assert code == 3
    for word in words:
        assert word in said


def test_a_revision_of_a_file_is_refused(tmp_path: Path) -> None:
    code, said = _said(_jsonl(tmp_path, ROWS), "revision=main")
    assert code == 3
    assert "revision 'main' is given, and" in said


def test_a_sample_shows_the_ends_of_what_is_long(tmp_path: Path) -> None:
    path = _jsonl(tmp_path, [{"prompt": "a" * 300 + "b" * 300 + "=", "completion": "x"}] * 20)
    (sample, *_) = _check(path, "max_length=700").samples
    assert sample.where == f"{path}:1"
    assert sample.text == "<bos>" + "a" * 195 + " … " + "b" * 199 + "=⟦x<eos>⟧"
