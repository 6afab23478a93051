"""`runs show --examples`: what a run answered, chosen, shortened and printed safely."""

import pytest

from store.ingest import ingest
from tests.cli.command import Desk
from tests.cli.in_process import Run, runner
from tests.cli.written_runs import Row, answered_run, rights, write_predictions
from tests.store.helpers import record, steps, write_run
from workbench.run.events import EventLog
from workbench.run.layout import Home
from workbench.run.predictions import Prediction

RUN, OTHER = "00000000000a", "00000000000b"
HOSTILE = "a\x1b[2J\x9b\u202e\ud800[bold]\r\n" + "y" * 5000 + "end"


@pytest.fixture
def run(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(desk, monkeypatch, capsys)


@pytest.fixture
def home(desk: Desk) -> Home:
    return Home(desk.home)


def test_examples_are_limited_filtered_and_counted(run: Run, home: Home) -> None:
    answered_run(home, RUN, rights("+-" * 20))
    found = run("runs", "show", RUN, "--examples", "--json")
    assert found.code == 0
    assert (found.json["n"], found.json["right"], found.json["chosen"]) == (40, 20, 40)
    assert [example["index"] for example in found.json["examples"]] == list(range(10))
    assert found.json["examples"][1] == {
        **{"step": 3, "index": 1, "prompt": "prompt 1", "target": "target 1"},
        **{"output": "out", "correct": False, "loss": 0.25},
    }
    wrong = run("runs", "show", RUN, "--examples", "--wrong", "--limit", "3", "--json").json
    assert [example["index"] for example in wrong["examples"]] == [1, 3, 5]
    assert (wrong["chosen"], wrong["right"]) == (20, 20)
    text = run("runs", "show", RUN, "--examples", "--wrong", "--limit", "3").out
    assert "20 of 40 right (50 %)" in text
    assert "#1  wrong  loss 0.2500\n  prompt  prompt 1\n  target  target 1\n  output  out\n" in text
    assert "17 more wrong examples: --limit 0 shows all" in text
    assert "#0" not in text
    everything = run("runs", "show", RUN, "--examples", "--limit", "0").out
    assert everything.count("  prompt  ") == 40
    assert "more" not in everything.split("\n\n", 1)[1]


def test_text_from_data_prints_safely_and_is_whole_in_json(desk: Desk, run: Run, home: Home) -> None:
    answered_run(home, RUN, [Row(False, prompt=HOSTILE, target="", output="\x07[/]")])
    shown = desk("runs", "show", RUN, "--examples")
    assert shown.code == 0, shown.err
    assert not set(shown.out) & set("\x1b\x9b\u202e\r\x07")
    assert "a\\x1b[2J\\x9b\\u202e\\ud800[bold]\\x0d↵yyy" in shown.out
    assert "yend\n" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 100
    answer = run("runs", "show", RUN, "--examples", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["examples"][0]["prompt"] == HOSTILE
    assert not set(answer.out) & set("\x1b\x9b\u202e\r\x07\x7f")


def test_the_latest_finished_attempt_speaks_and_else_the_latest_with_predictions(run: Run, home: Home) -> None:
    folder = answered_run(home, RUN, rights("+"))
    write_predictions(folder, 2, 1, rights("--"))
    log = EventLog(folder.events, RUN, 2)
    log.write("failed", message="no", hint="", **{"class": "crash"})
    log.close()
    assert run("runs", "show", RUN, "--examples", "--json").json["attempt"] == 1
    unfinished = write_run(home, record(OTHER))
    for attempt in (1, 2, 3):
        log = EventLog(unfinished.events, OTHER, attempt)
        steps(log, (1,))
        log.close()
    write_predictions(unfinished, 1, 1, rights("-"))
    write_predictions(unfinished, 2, 1, rights("++"))
    found = run("runs", "show", OTHER, "--examples", "--json").json
    assert (found["attempt"], found["n"]) == (2, 2)


def test_an_evaluation_is_chosen_by_its_step(run: Run, home: Home) -> None:
    folder = answered_run(home, RUN, [])
    write_predictions(folder, 1, 2, rights("--"))
    write_predictions(folder, 1, 3, rights("+-"))
    found = run("runs", "show", RUN, "--examples", "--json").json
    assert (found["step"], found["steps"], found["right"]) == (3, [2, 3], 1)
    assert run("runs", "show", RUN, "--examples", "--step", "2", "--json").json["right"] == 0
    answer = run("runs", "show", RUN, "--examples", "--step", "1")
    assert answer.code == 4
    assert "no evaluation after step 1" in answer.err
    assert "step 2, 3" in answer.err


def test_missing_and_broken_predictions_say_how_to_get_them(run: Run, home: Home) -> None:
    folder = answered_run(home, RUN, rights("+"))
    folder.predictions(1).unlink()
    answer = run("runs", "show", RUN, "--examples")
    assert (answer.code, answer.out) == (4, "")
    assert "has no predictions of attempt 1" in answer.err
    assert "workbench run base --recipe short --seed 0 --force" in answer.err
    folder.predictions(1).write_text('{"step": 3}\n')
    answer = run("runs", "show", RUN, "--examples")
    assert answer.code == 3
    assert "predictions.1.jsonl:1: not a prediction" in answer.err
    write_run(home, record(OTHER, plan="other"))
    answer = run("runs", "show", OTHER, "--examples")
    assert answer.code == 4
    assert "it was not started" in answer.err


@pytest.mark.parametrize("option", [["--wrong"], ["--limit", "3"], ["--step", "1"]])
def test_options_of_examples_do_not_pass_in_silence_without_it(run: Run, home: Home, option: list[str]) -> None:
    answer = run("runs", "show", RUN, *option)
    assert answer.code == 2
    assert "go with --examples" in answer.err


def test_an_example_has_as_many_lines_as_it_needs_and_no_more() -> None:
    from workbench.report.examples import prediction_text

    text = prediction_text(Prediction(1, 7, "word " * 200, "x", "y", True, None), 60)
    assert text.splitlines()[0] == "#7  right  loss –"
    assert len(text.splitlines()) == 1 + 3 + 1 + 1
    assert all(len(line) <= 60 for line in text.splitlines())


def test_a_name_that_several_runs_have_asks_for_one_of_them(run: Run, home: Home) -> None:
    answered_run(home, RUN, rights("+"))
    answered_run(home, OTHER, rights("+"))
    ingest(home)
    answer = run("runs", "show", "base-run", "--examples")
    assert answer.code == 2
    assert RUN in answer.err
    assert OTHER in answer.err


def test_questions_of_a_run_that_was_asked_none_are_not_there(run: Run, home: Home) -> None:
    answered_run(home, RUN, rights("+-"))
    none = run("runs", "show", RUN, "--examples", "--choices")
    assert none.code == 4
    assert "was asked no multiple-choice questions" in none.err
    lone = run("runs", "show", RUN, "--choices")
    assert (lone.code, "--choices, --limit and --step go with --examples" in lone.err) == (2, True)
