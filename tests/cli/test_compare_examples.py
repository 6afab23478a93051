"""`compare --examples`: two runs or plans, example by example."""

import pytest

from tests.cli.command import Desk
from tests.cli.in_process import Run, runner
from tests.cli.written_runs import Row, answered_run, rights
from tests.store.helpers import record, write_run
from workbench.run.layout import Home

A1, A2, B1, B2 = "00000000000a", "0000000000a2", "00000000000b", "0000000000b2"


@pytest.fixture
def run(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(desk, monkeypatch, capsys)


@pytest.fixture
def home(desk: Desk) -> Home:
    return Home(desk.home)


@pytest.fixture
def two_plans(home: Home) -> Home:
    """Plans `base` and `small` with seeds 1 and 2, and `base` with seed 3 alone."""
    answered_run(home, A1, rights("++++--+-"), seed=1)
    answered_run(home, A2, rights("++++----"), seed=2)
    answered_run(home, "0000000000a3", rights("--------"), seed=3)
    answered_run(home, B1, rights("+----+--"), plan="small", seed=1)
    answered_run(home, B2, rights("++---+--"), plan="small", seed=2)
    return home


def test_two_runs_by_hand(desk: Desk, run: Run, two_plans: Home) -> None:
    answer = desk("compare", "--examples", A1, B1, "--json")
    assert answer.code == 0, answer.err
    found = answer.json
    [pair] = found["pairs"]
    cells = {"both_right": 1, "only_a": 4, "only_b": 1, "both_wrong": 2, "n": 8}
    assert pair == {"seed": 1, "run_a": A1, "run_b": B1, "step_a": 3, "step_b": 3, **cells, "p": 0.375}
    assert found["counts"] == cells
    assert found["by_example"] == {"more_a": 4, "more_b": 1, "equal": 3, "p": 0.375}
    assert [(example["index"], example["right"]) for example in found["examples"]] == [
        *((1, "a"), (2, "a"), (3, "a"), (5, "b"), (6, "a"))
    ]
    assert found["examples"][0] == {
        **{"seed": 1, "index": 1, "right": "a", "prompt": "prompt 1", "target": "target 1"},
        **{"a": {"output": "out", "loss": 0.25}, "b": {"output": "out", "loss": 0.25}},
    }
    text = run("compare", "--examples", A1, B1, "--limit", "2")
    assert "1              1       4       1           2  8   = 0.3750" in text.out
    assert text.out.count("only A right") == 2
    assert "3 more examples differ: --limit 0 shows all" in text.out


def test_two_plans_are_paired_on_common_seeds_and_summed_up_by_example(run: Run, two_plans: Home) -> None:
    answer = run("compare", "--examples", "base", "small", "--json")
    assert answer.code == 0, answer.err
    assert "base: seed 3 left out, as the other side does not have it" in answer.err
    found = answer.json
    assert [(pair["seed"], pair["only_a"], pair["only_b"]) for pair in found["pairs"]] == [(1, 4, 1), (2, 2, 1)]
    assert found["counts"] == {"both_right": 3, "only_a": 6, "only_b": 2, "both_wrong": 5, "n": 16}
    # Examples 1, 2, 3 and 6 are right more often in A, 5 in B; what two seeds agree on counts once.
    assert found["by_example"] == {"more_a": 4, "more_b": 1, "equal": 3, "p": 0.375}
    assert found["differing"] == 8
    assert [(e["index"], e["seed"]) for e in found["examples"]] == [
        *((1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (5, 1), (5, 2), (6, 1))
    ]
    text = run("compare", "--examples", "base", "small").out
    assert "all            3       6       2           5  16\n" in text
    assert "4 examples are right more often in A, 1 in B, 3 as often: p = 0.3750" in text


def test_a_reference_run_goes_with_every_seed(run: Run, two_plans: Home) -> None:
    answered_run(two_plans, "0000000000f0", rights("--------"), plan="reference", reference=True)
    found = run("compare", "--examples", "small", "reference", "--json")
    assert [(p["seed"], p["run_b"]) for p in found.json["pairs"]] == [(1, "0000000000f0"), (2, "0000000000f0")]
    assert found.err == ""
    turned = run("compare", "--examples", "reference", "small", "--json").json
    assert [pair["seed"] for pair in turned["pairs"]] == [1, 2]
    assert turned["by_example"]["p"] == found.json["by_example"]["p"]


def test_two_named_runs_of_different_seeds_are_compared_with_a_warning(run: Run, two_plans: Home) -> None:
    answer = run("compare", "--examples", A1, B2, "--json")
    assert answer.code == 0
    assert "the seeds differ (1 and 2)" in answer.err
    assert answer.json["warnings"] == [answer.err.removeprefix("warning: ").strip()]


def test_other_evaluation_data_is_refused_with_the_examples(run: Run, home: Home) -> None:
    answered_run(home, A1, rights("++"))
    answered_run(home, B1, [Row(True), Row(True, prompt="other\x1b[2J")], plan="small")
    answered_run(home, B2, rights("+++"), plan="long")
    answer = run("compare", "--examples", "base", "small")
    assert (answer.code, answer.out) == (3, "")
    assert f"base-run ({A1}) and small-run ({B1}) were not evaluated on the same examples" in answer.err
    assert "example #1: the prompt is 'prompt 1' in base-run" in answer.err
    assert "same evaluation data" in answer.err
    assert "\x1b" not in answer.err
    answer = run("compare", "--examples", "base", "long", "--json")
    assert (answer.code, answer.out) == (3, "")
    assert "1 of its 3 examples have no partner (#2)" in answer.err


def test_missing_predictions_say_how_to_get_them(run: Run, two_plans: Home) -> None:
    two_plans.run_dir(B1).predictions(1).unlink()
    answer = run("compare", "--examples", A1, B1)
    assert (answer.code, answer.out) == (4, "")
    assert f"run {B1} (small-run) has no predictions of attempt 1" in answer.err
    assert "workbench run small --recipe short --seed 1 --force" in answer.err


def test_what_cannot_be_paired_says_why(run: Run, two_plans: Home) -> None:
    answered_run(two_plans, "0000000000c8", rights("++++++++"), plan="far", seed=8)
    answered_run(two_plans, "0000000000c9", rights("++++++++"), plan="far", seed=9)
    write_run(two_plans, record("0000000000d1", plan="unfinished"))
    answered_run(two_plans, "0000000000e1", rights("++++++++"), plan="small", seed=1, recipe_hash="dddddddddddd")
    cases = [
        (("base", "far"), 4, "no seed in common: seeds 1, 2, 3 and seeds 8, 9"),
        (("base", "unfinished"), 4, "'unfinished' has no finished run"),
        (("base", A1), 2, f"both name run {A1}"),
        (("base", "small"), 2, "'small' was run with different recipes"),
        (("base", "nothing"), 4, "no run or plan is called 'nothing'"),
        (("base",), 2, "compares two runs or plans, not 1"),
        (("base", "far", "--by", "band"), 2, "--by does not go with --examples"),
        (("base", "far", "--baseline", "far"), 2, "--baseline does not go with --examples"),
    ]
    for words, code, message in cases:
        answer = run("compare", "--examples", *words)
        assert (answer.code, answer.out) == (code, ""), words
        assert message in answer.err
        assert "Traceback" not in answer.err
    answer = run("compare", "base", "--limit", "3")
    assert (answer.code, "--limit goes with --examples" in answer.err) == (2, True)


def test_the_label_that_the_error_names_chooses_one_of_several_ways(run: Run, two_plans: Home) -> None:
    answered_run(two_plans, "0000000000e1", rights("++++++++"), plan="small", seed=1, recipe_hash="dddddddddddd")
    refused = run("compare", "--examples", "base", "small").err
    labels = [word for word in refused.split() if word.startswith("small#")]
    assert len(labels) == 2
    found = [run("compare", "--examples", "base", label, "--json").json for label in labels]
    assert sorted(len(one["pairs"]) for one in found) == [1, 2]
    [other] = [one for one in found if len(one["pairs"]) == 1]
    assert other["pairs"][0]["run_b"] == "0000000000e1"
    assert any("different recipes" in warning for warning in other["warnings"])
