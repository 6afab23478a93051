"""What was learned, seen through real runs: a finished one, a failed one, and two compared example by example."""

import json
from pathlib import Path

import pytest

from tests.cli.command import Desk
from tests.train.here import finished_here

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_real_runs_can_be_shown_and_compared_example_by_example(desk: Desk) -> None:
    steps = ("--set", "steps=3", "--set", "eval_every=2")
    finished_here(desk, "demo-baseline", "demo-quarter-all", "--recipe", "demo", *steps)
    done = desk("run", "demo-baseline", "demo-quarter-all", "--recipe", "demo", *steps)
    assert done.code == 0, done.err
    run_id = done.json[0]["run_id"]

    shown = desk("runs", "show", run_id, "--json").json
    assert shown["status"] == "finished"
    assert shown["eval"] == done.json[0]["eval"]
    assert {(e["metric"], e["step"]) for e in shown["evaluations"]} >= {("exact_match", 2), ("exact_match", 3)}
    assert shown["audit"]["ok"] is True
    assert shown["audit"]["sites"] == len(shown["sites"]) == 42
    costs = shown["costs"]
    assert 0 < costs["train_seconds"] <= costs["device_seconds"]
    assert costs["tokens_per_s"] > 0
    assert costs["adapter_bytes"] > 0
    memory = {row["part"]: row for row in costs["memory"]}
    assert 0.5 < memory["base and embeddings"]["measured"] / memory["base and embeddings"]["predicted"] < 2
    assert memory["peak"]["measured"] > memory["base and embeddings"]["measured"]
    assert [attempt["status"] for attempt in shown["attempts"]] == ["finished"]
    assert "42 sites as planned" in desk("runs", "show", run_id).out

    examples = desk("runs", "show", run_id, "--examples", "--limit", "0", "--json").json
    assert (examples["step"], examples["steps"]) == (3, [2, 3])
    assert examples["right"] / examples["n"] == pytest.approx(shown["eval"]["exact_match"])

    compared = desk("compare", "--examples", "demo-baseline", "demo-quarter-all", "--json").json
    counts = compared["counts"]
    n = examples["n"]
    assert counts["n"] == n == sum(counts[name] for name in ("both_right", "only_a", "only_b", "both_wrong"))
    right = [answer["eval"]["exact_match"] * n for answer in done.json]
    assert [counts["both_right"] + counts[f"only_{side}"] for side in "ab"] == pytest.approx(right)


def test_a_run_whose_model_is_gone_fails_with_a_card(desk: Desk) -> None:
    finished_here(desk, "demo-baseline", "--recipe", "demo", "--set", "steps=1")
    shown = desk("run", "demo-baseline", "--recipe", "demo", "--set", "steps=1")
    assert shown.code == 0, shown.err
    run_dir = desk.home / "runs" / shown.json["run_id"]
    record = json.loads((run_dir / "run.json").read_text())
    (run_dir / "run.json").write_text(json.dumps({**record, "model_path": str(desk.folder / "gone")}))
    again = desk("run", "demo-baseline", "--recipe", "demo", "--set", "steps=1", "--force")
    assert again.code == 1
    failure = desk("runs", "show", shown.json["run_id"], "--json").json["failure"]
    assert failure["class"] == "missing_model"
    assert "the model's folder is gone" in failure["message"]
    assert 1 <= len(failure["fixes"]) <= 3
    assert any("missing_model" in line for line in failure["log"])
    assert "--force" in failure["command"]
    text = desk("runs", "show", shown.json["run_id"]).out
    assert "missing_model in attempt 2: The model or its tokenizer is not where it was" in text
