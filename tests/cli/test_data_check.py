"""`data check` as a person runs it."""

import json

import pytest

from tests.cli.command import Desk

pytestmark = pytest.mark.slow

ROWS = [{"prompt": f"sort {'cba' * (i % 3 + 1)}=", "completion": "abc"} for i in range(20)]


def test_a_recipe_is_checked_and_everything_stands_in_the_answer(desk: Desk) -> None:
    answer = desk("data", "check", "demo")
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[0].startswith("data: ")
    assert lines[0].endswith("prompt_completion (recognised from prompt, completion), 6,000 examples")
    assert lines[2] == "6,000 examples to train on, 240 to evaluate on"
    assert lines[4].split("  ")[0] == "tokens"
    assert [line.split()[:2] for line in lines[6:10]] == [
        ["data", "prompt"],
        ["data", "whole"],
        ["eval_data", "prompt"],
        ["eval_data", "whole"],
    ]
    assert "are cut at max_length 32; " in answer.out
    assert answer.out.count("⟦") == 3
    assert answer.err == ""


def test_every_malformed_row_is_listed_and_the_rest_counted(desk: Desk) -> None:
    rows = [json.dumps(row) for row in ROWS * 500]
    bad = range(100, 10_000, 300)
    for at in bad:
        rows[at] = "oops"
    (desk.folder / "a.jsonl").write_text("\n".join(rows))
    answer = desk("data", "check", "a.jsonl", "--json")
    assert answer.code == 3
    path = desk.folder / "a.jsonl"
    assert [error["where"] for error in answer.json["errors"]] == [f"{path}:{at + 1}" for at in bad]
    assert (answer.json["ok"], answer.json["format"]) == (False, "prompt_completion")
    assert answer.json["sources"][0]["examples"] == 10_000 - len(bad)


def test_a_hub_name_while_offline_starts_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (desk.folder / "recipe.yaml").write_text("data: nobody/nothing\nrevision: v1\nsteps: 1\n")
    answer = desk("run", "demo-baseline", "--recipe", "recipe.yaml")
    assert answer.code == 4
    assert "nobody/nothing at revision 'v1' is not in the cache, and the hub cannot be reached" in answer.err
    assert "connect once to fetch it, or copy its files here" in answer.err
    assert not (desk.home / "runs").exists()


def test_a_file_that_cannot_be_used_is_an_error_in_words(desk: Desk) -> None:
    (desk.folder / "a.txt").write_text("abc\n")
    answer = desk("data", "check", "a.txt")
    assert answer.code == 3
    assert "unknown kind of data file '.txt'" in answer.out
    assert ".jsonl, .json, .csv, .parquet" in answer.out
    assert answer.out.endswith("1 problem\n")
