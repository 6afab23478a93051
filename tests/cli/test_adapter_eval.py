"""`adapter eval`: lm-eval on a run's model with a local task file, against the workbench's own multiple choice."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cli.command import Desk
from tests.cli.questions import write_questions
from tests.train.here import finished_here

installed = pytest.mark.skipif(find_spec("lm_eval") is None, reason="the extra lm-eval is not installed")
TASK = """
task: demo_skills
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}="
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{answer}}}}"
target_delimiter: ""
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
  - {{metric: acc_norm, aggregation: mean, higher_is_better: true}}
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


def _write_task(folder: Path) -> None:
    (folder / "tasks").mkdir()
    (folder / "tasks/skills.yaml").write_text(TASK.format(file=folder / "questions.jsonl"))


@pytest.mark.slow
@installed
def test_the_harness_finds_on_a_run_what_the_workbench_finds(desk: Desk) -> None:
    write_questions(desk.folder)
    _write_task(desk.folder)
    runs = ("demo-baseline", "demo-reference-nf4", "--recipe", "recipe.yaml", "--seed", "1")
    finished_here(desk, *runs)
    ran = desk("run", *runs)
    assert ran.code == 0, ran.err
    adapted, reference = ran.json
    words = ("--tasks", "demo_skills", "--include", "tasks")
    answer = desk("adapter", "eval", reference["run_id"], *words, "--batch", "3", "--json")
    assert answer.code == 0, answer.err
    found = {result["metric"]: result for result in answer.json["results"]}
    # A letter is a token of the demo, and a byte, by which the harness normalises.
    assert found["acc_norm"]["value"] == pytest.approx(reference["eval"]["choice_accuracy"])
    assert found["acc"]["value"] == pytest.approx(reference["eval"]["choice_accuracy_raw"])
    assert found["acc"]["value"] != found["acc_norm"]["value"]
    assert [(r["task"], r["n"], r["higher_is_better"]) for r in found.values()] == [("demo_skills", 35, True)] * 2
    text = desk("adapter", "eval", adapted["run_id"], *words).out
    values = [f"{adapted['eval'][name]:.4f}" for name in ("choice_accuracy_raw", "choice_accuracy")]
    assert [line.split()[1:4] for line in text.splitlines()[2:4]] == [
        ["acc", values[0], "↑"],
        ["acc_norm", values[1], "↑"],
    ]
    unknown = desk("adapter", "eval", adapted["run_id"], "--tasks", "demo_skilz", "--include", "tasks")
    assert unknown.code == 4
    assert "no task 'demo_skilz' in lm-eval" in unknown.err
    assert "did you mean 'demo_skills'?" in unknown.err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--tasks", " ,"), 2, "--tasks names none"),
        (("--tasks", "x", "--include", "nowhere"), 2, "--include nowhere: no such folder"),
        pytest.param(("--tasks", "x"), 4, "no run 'nobody'", marks=installed),
        pytest.param(
            *[("--tasks", "x"), 1, "pip install 'adapter-workbench[lm-eval]'"],
            marks=pytest.mark.skipif(find_spec("lm_eval") is not None, reason="lm-eval is installed"),
        ),
    ],
)
def test_what_cannot_be_asked_is_said(desk: Desk, words: tuple[str, ...], code: int, message: str) -> None:
    answer = desk("adapter", "eval", "nobody", *words)
    assert (answer.code, message in answer.err) == (code, True), answer.err
