"""`runs show`: failure cards, costs, audit, attempts and warnings, of run directories written for the purpose."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from store.ingest import ingest
from tests.cli.command import Desk
from tests.cli.in_process import Run, runner
from tests.cli.written_runs import PREDICTED, RECIPE, failed_run
from tests.store.helpers import record, steps, write_run
from workbench.cli.run_details import found_run, shown
from workbench.report.failure_card import FailureCard, card_text, failure_card
from workbench.report.run import run_text
from workbench.run.events import EventLog
from workbench.run.failures import FAILURE_CLASSES
from workbench.run.layout import Home
from workbench.run.liveness import view_of
from workbench.run.logs import ending

pytestmark = pytest.mark.slow

RUN = "00000000000a"
WIDTH = 100


@pytest.fixture
def run(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(desk, monkeypatch, capsys)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / ".workbench")


def _shown(home: Home, run_id: str = RUN) -> tuple[dict[str, Any], FailureCard | None]:
    answer, card = shown(*found_run(home, run_id))
    json.dumps(answer)
    return answer, card


def _card(home: Home, run_id: str = RUN) -> FailureCard:
    """The card alone, which needs no database."""
    run_dir = home.run_dir(run_id)
    view = view_of(run_dir)
    card = failure_card(run_dir, view, ending(run_dir, view.attempt))
    assert card is not None
    return card


LOGGED = sorted(set(FAILURE_CLASSES) - {"lost"})


def test_every_failure_class_has_a_card_with_cause_log_and_fixes(home: Home) -> None:
    log = "".join(f"line {number}\n" for number in range(100))
    ids = {name: f"{number:012x}" for number, name in enumerate(LOGGED, start=10)}
    for name, run_id in ids.items():
        failed_run(home, run_id, name, out=log, message="step 2 went wrong")
    for name, run_id in ids.items():
        card = _card(home, run_id)
        assert card.failure_class == name
        assert card.cause == FAILURE_CLASSES[name].cause
        assert card.fixes == tuple(fix.replace("RUN", run_id) for fix in FAILURE_CLASSES[name].fixes)
        assert (len(card.log), card.log[-1]) == (20, "line 99")
        text = card_text(card, WIDTH)
        for part in (f"{name} in attempt 1: {card.cause}", "step 2 went wrong", "│ line 99", "out.1.log", *card.fixes):
            assert part in text
        assert "line 80\n" not in text


def test_a_lost_run_has_a_card_too(home: Home) -> None:
    folder = write_run(home, record(RUN, recipe=RECIPE))
    log = EventLog(folder.events, RUN, 1)
    log.write("started", device="cpu", steps=3, seed=0)
    log.close()
    answer, card = _shown(home)
    assert answer["status"] == "lost"
    assert card is not None
    assert card.failure_class == "lost"
    assert answer["failure"]["message"] == FAILURE_CLASSES["lost"].cause
    # The cause is the message here: it is said once, and that no log was written is said as well.
    text = card_text(card, WIDTH)
    assert text.count(card.cause) == 1
    assert "out.1.log: nothing was written there" in text


def test_a_stop_for_a_reason_that_is_a_failure_class_has_a_card_and_another_has_none(home: Home) -> None:
    for run_id, reason in ((RUN, "preempted"), ("00000000000b", "user")):
        log = EventLog(write_run(home, record(run_id, recipe=RECIPE)).events, run_id, 1)
        log.write("stopped", reason=reason, step=1)
        log.close()
    assert _card(home).failure_class == "preempted"
    answer, card = _shown(home, "00000000000b")
    assert card is None
    assert answer["failure"] is None
    assert answer["attempts"][0]["reason"] == "user"


def test_advice_of_the_error_itself_comes_first_and_a_list_is_shown_as_one(home: Home) -> None:
    failed_run(home, RUN, "bad_data", hint="the longest prompt has 41 tokens: raise max_length")
    card = _card(home)
    assert card.fixes[0] == "the longest prompt has 41 tokens: raise max_length"
    assert len(card.fixes) <= 3
    failed_run(home, "00000000000b", "bad_data", hint="mend them\ndata.jsonl:2: not JSON\ndata.jsonl:9: not JSON")
    card = _card(home, "00000000000b")
    assert card.details == ("mend them", "data.jsonl:2: not JSON", "data.jsonl:9: not JSON")
    assert card.fixes == FAILURE_CLASSES["bad_data"].fixes
    assert "data.jsonl:9: not JSON" in card_text(card, WIDTH)


def test_what_an_error_and_a_log_say_cannot_harm_a_terminal(home: Home) -> None:
    out = "\x1b[2J\x1b]0;title\x07 50%\r 100% [bold]\u202egnp\n" + "x" * 3000 + "\n"
    failed_run(home, RUN, "crash", out=out, message="Traceback\nKeyError: '\x1b[31m'", hint="\x9b31m")
    text = card_text(_card(home), 80)
    assert not set(text) & set("\x1b\x07\r\x9b\u202e")
    assert "KeyError: '\\x1b[31m'" in text
    assert "Traceback" not in text
    assert max(map(len, text.split("the end of")[1].splitlines()[1:])) <= 80


def test_the_command_that_started_it_is_named_where_it_was_noted(home: Home) -> None:
    folder = failed_run(home, RUN, "killed")
    assert "started by" not in card_text(_card(home), WIDTH)
    folder.repro(1).write_text(json.dumps({"command": "workbench run base --recipe short"}))
    assert "started by\n  workbench run base --recipe short" in card_text(_card(home), WIDTH)
    folder.repro(1).write_text("{")
    assert _card(home).command is None


def _two_attempts(home: Home) -> None:
    """Lost after step 1, then finished with two evaluations, a warning and costs."""
    folder = write_run(home, record(RUN, recipe=RECIPE, predicted_bytes=PREDICTED))
    first = EventLog(folder.events, RUN, 1)
    first.write("started", device="cpu", steps=3, seed=0)
    first.write("warning", message="of the lost attempt")
    steps(first, (1,))
    first.close()
    second = EventLog(folder.events, RUN, 2)
    second.write("started", device="cpu", steps=3, seed=0)
    second.write("base_ready", seconds=1.0, bytes=125, base_params=9, formats={})
    second.write("audit", ok=True, sites=6, trainable_params=288, differences=[])
    second.write("warning", message="4 examples are cut\x1b[0m")
    for step, speed in ((1, 10.0), (2, 500.0), (3, 30.0)):
        second.write("metric", step=step, values={"loss": 1.0, "tokens_per_s": speed})
    for step, value in ((2, 0.25), (3, 0.75)):
        for name, n, better in (("loss", 1234, False), ("exact_match", 40, True)):
            values = {name: value}
            second.write("eval", step=step, evaluator=name, values=values, n=n, higher_is_better=better)
    costs = {"train_seconds": 2.5, "device_seconds": 4.0, "peak_bytes": 250, "adapter_bytes": 700}
    second.write("finished", step=3, **costs)
    second.close()


def test_costs_evaluations_audit_attempts_and_warnings_are_those_of_the_finished_attempt(home: Home) -> None:
    _two_attempts(home)
    answer, card = _shown(home)
    assert card is None
    costs = answer["costs"]
    assert (costs["train_seconds"], costs["device_seconds"], costs["adapter_bytes"]) == (2.5, 4.0, 700)
    assert costs["tokens_per_s"] == 30.0
    assert costs["seconds"] == pytest.approx(sum(a["seconds"] for a in answer["attempts"]))
    memory = {row["part"]: (row["predicted"], row["measured"]) for row in costs["memory"]}
    assert memory == {
        "base and embeddings": (120, 125),
        "trainable": (30, None),
        "activations": (40, None),
        "logits": (5, None),
        "context": (5, None),
        "peak": (200, 250),
    }
    assert answer["eval"] == {"loss": 0.75, "exact_match": 0.75}
    assert [(e["metric"], e["step"], e["n"], e["attempt"]) for e in answer["evaluations"]] == [
        ("loss", 2, 1234, 2),
        ("exact_match", 2, 40, 2),
        ("loss", 3, 1234, 2),
        ("exact_match", 3, 40, 2),
    ]
    assert [e["interval"] and [round(end, 3) for end in e["interval"]] for e in answer["evaluations"]] == [
        *(None, [0.142, 0.402]),  # 10 of 40 right; a loss has none
        *(None, [0.598, 0.858]),
    ]
    assert answer["audit"] == {"attempt": 2, "ok": True, "sites": 6, "trainable_params": 288, "differences": []}
    assert [(a["attempt"], a["status"], a["step"]) for a in answer["attempts"]] == [(1, "lost", 1), (2, "finished", 3)]
    assert answer["warnings"] == ["4 examples are cut\x1b[0m"]


def test_the_text_says_the_same(home: Home) -> None:
    _two_attempts(home)
    text = run_text(_shown(home)[0], WIDTH)
    for line in (
        "time       2.5 s of steps, ",
        "30 tokens/s (median of steps)",
        "adapter    700 B",
        "base and embeddings      120 B     125 B",
        "peak                     200 B     250 B",
        "audit      6 sites as planned, 288 trainable parameters",
        "loss         0.7500  ↓  1,234     3",
        "exact_match  0.7500  ↑     40     3  0.598–0.858",
        "earlier evaluations: 1",
        "      1  lost         1",
        "      2  finished     3",
        "warning: 4 examples are cut\\x1b[0m",
    ):
        assert line in text


def test_an_audit_that_differs_is_a_table_of_the_sites(home: Home) -> None:
    folder = write_run(home, record(RUN, recipe=RECIPE, predicted_bytes=PREDICTED))
    log = EventLog(folder.events, RUN, 1)
    differences = [
        {"site": f"model.layers.{i}.mlp.up_proj", "key": "r", "planned": 4, "built": [8, 4]} for i in range(25)
    ]
    log.write("audit", ok=False, sites=6, trainable_params=300, differences=differences)
    log.write("failed", message="differs in 25 settings", hint="a table\nof lines", **{"class": "audit_mismatch"})
    log.close()
    answer, card = _shown(home)
    assert answer["audit"]["differences"] == differences
    text = run_text(answer, WIDTH)
    assert "25 settings differ from the plan" in text
    assert "model.layers.19.mlp.up_proj  r    4        [8, 4]" in text
    assert "model.layers.20" not in text
    assert "5 more: see --json" in text
    assert card is not None
    assert "differs in 25 settings" in card_text(card, WIDTH)


def test_an_audit_that_fails_after_a_finished_attempt_is_the_one_shown(home: Home) -> None:
    _two_attempts(home)
    log = EventLog(home.run_dir(RUN).events, RUN, 3)
    difference = {"site": "model.layers.0.mlp.up_proj", "key": "r", "planned": 4, "built": 8}
    log.write("audit", ok=False, sites=6, trainable_params=300, differences=[difference])
    log.write("failed", message="differs in 1 settings", hint="", **{"class": "audit_mismatch"})
    log.close()
    answer, card = _shown(home)
    assert card is not None
    assert answer["audit"]["attempt"] == card.attempt == 3
    assert answer["audit"]["differences"] == [difference]
    assert answer["costs"]["train_seconds"] == 2.5


def test_a_run_that_was_never_started_can_be_shown(home: Home) -> None:
    write_run(home, record(RUN, recipe=RECIPE, predicted_bytes=PREDICTED))
    answer, card = _shown(home)
    assert (answer["status"], answer["attempts"], answer["evaluations"], card) == ("stopped", [], [], None)
    text = run_text(answer, WIDTH)
    assert "no attempt yet" in text
    assert "no model was built" in text


def test_the_command_prints_text_and_json_and_keeps_its_promises(desk: Desk, run: Run) -> None:
    home = Home(desk.home)
    failed_run(home, RUN, "cuda_oom", out="CUDA out of memory\x1b[0m\n", message="CUDA out of memory")
    ingest(home)
    answer = desk("runs", "show", "base-run", "--json")
    assert answer.code == 0
    expected, card = _shown(home)
    assert card is not None
    assert answer.json == expected
    assert answer.json["sites"][0] == asdict(record(RUN).sites[0])
    assert answer.json["failure"]["class"] == "cuda_oom"
    assert answer.json["failure"]["fixes"] == list(FAILURE_CLASSES["cuda_oom"].fixes)
    text = run("runs", "show", RUN[:11])
    assert text.code == 0
    assert "cuda_oom in attempt 1: The GPU ran out of memory." in text.out
    assert "\x1b" not in text.out
    listed = run("runs", "list", "--json").json
    assert listed[0]["failure"] == {"class": "cuda_oom", "message": "CUDA out of memory"}
