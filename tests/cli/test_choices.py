"""Multiple choice from a file of questions to what the commands say about them."""

import json

import pytest

from tests.cli.command import Desk
from tests.cli.in_process import Run, runner
from tests.cli.questions import SKILLS, rows, write_questions
from tests.train.here import finished_here
from workbench.run.events import read_events
from workbench.run.layout import Home
from workbench.study.wilson import wilson

NAMES = ["choice_accuracy", "choice_accuracy_raw", *(f"choice_accuracy/{name}" for name in sorted(SKILLS))]


@pytest.fixture
def run(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(desk, monkeypatch, capsys)


@pytest.mark.slow
def test_data_check_tells_of_questions_and_of_every_row_that_is_none(desk: Desk) -> None:
    write_questions(desk.folder)
    answer = desk("data", "check", "recipe.yaml")
    assert answer.code == 0, answer.out
    path = desk.folder / "questions.jsonl"
    assert (
        f"choices: {path}: 35 questions, 5 subjects; 5 choices each, at most 12 tokens in one; 0 prompts" in answer.out
    )
    assert "\n<bos>reverse fbead=⟦daebf⟧\n" in answer.out
    broken = [
        *rows(),
        rows()[0],
        {"question": "x"},
        {**rows()[1], "answer": "F"},
        {**rows()[1], "choices": ["a" * 40, "b"]},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in broken))
    answer = desk("data", "check", "recipe.yaml", "--json")
    assert answer.code == 3
    assert [(e["where"], e["message"]) for e in answer.json["errors"]] == [
        (f"{path}:37", "the key 'answer' is missing"),
        (f"{path}:38", "answer 'F' is none of the 5 choices"),
        (f"{path}:39", "choice A has 40 tokens, too many for max_length 32"),
    ]
    assert answer.json["warnings"] == [f"{path}:36: the same question as {path}:1"]
    assert answer.json["choices"][0]["subjects"] == {"double": 7, "last": 7, "next2": 7, "reverse": 8, "upper": 8}
    refused = desk("run", "demo-baseline", "--recipe", "recipe.yaml")
    assert refused.code == 3
    assert f"{path}: 2 malformed rows" in refused.err


@pytest.mark.slow
def test_a_run_is_asked_and_every_command_goes_on_working(desk: Desk, run: Run) -> None:
    write_questions(desk.folder)
    words = ("demo-baseline", "--recipe", "recipe.yaml", "--seed", "1", "--seed", "2")
    finished_here(desk, *words)
    answer = desk("run", *words)
    assert answer.code == 0, answer.err
    first, second = answer.json
    assert {"exact_match", *NAMES, "kept@bf16", *(f"{name}@bf16" for name in NAMES)} <= set(first["eval"])

    run_dir = Home(desk.home).run_dir(first["run_id"])
    events = {e["evaluator"]: e for e in read_events(run_dir.events) if e["kind"] == "eval"}
    for name in NAMES:
        event = events[name]
        right, n = round(event["values"][name] * event["n"]), event["n"]
        assert n == (7 if "/" in name else 35)
        assert event["interval"] == pytest.approx(list(wilson(right, n)))
        assert event["higher_is_better"] is True
    assert "interval" not in events["exact_match"]

    examples = run("runs", "show", first["run_id"], "--examples", "--json").json
    assert (examples["n"], examples["examples"][0]["prompt"].count("=")) == (240, 1)
    asked = run("runs", "show", first["run_id"], "--examples", "--choices", "--limit", "0", "--json").json
    assert (asked["n"], asked["right"] / 35) == (35, first["eval"]["choice_accuracy"])
    assert [e["prompt"] for e in asked["examples"]] == [f"{row['question']}=" for row in rows()]
    assert [e["target"] for e in asked["examples"]] == [row["choices"][row["answer"]] for row in rows()]
    text = run("runs", "show", first["run_id"], "--examples", "--choices").out
    assert "of 35 right" in text
    assert "output: the choice of the greatest\nlog-likelihood per token" in text
    assert "choice_accuracy/reverse" in run("runs", "show", first["run_id"]).out

    pairs = run("compare", "--examples", first["run_id"], second["run_id"], "--json")
    assert pairs.code == 0, pairs.err
    assert pairs.json["counts"]["n"] == 240
    compared = run("compare", "demo-baseline", "--json").json
    assert {metric for metric in NAMES if metric in compared[0]} == set(NAMES)
    table = run("compare", "demo-baseline").out
    assert "choice_accuracy ↑" in table
    assert "/reverse" not in table

    merged = run("adapter", "merge", first["run_id"], "--report", "--json").json["report"]
    assert {name: merged["before"][name] for name in NAMES} == {name: first["eval"][name] for name in NAMES}
    assert all(set(NAMES) <= set(target["eval"]) for target in merged["targets"] if not target["impossible"])
