"""`adapter merge` as a person types it: merged folders, the report, and everything that is refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from tests.cli.command import Desk
from tests.cli.in_process import Run, runner
from tests.faults.test_main_job import _qwen2, _save_alpaca, _save_model
from tests.train.here import finished_here
from workbench.train.merged_folder import load_merged

pytestmark = pytest.mark.slow
RECIPE = "data: data.jsonl\nsplit: {fraction: 0.1, seed: 0}\nmax_length: 96\nsteps: 3\nbatch: 4\nlr: 1e-3\n"
# no block size divides the 176 inputs of down_proj
PLAN = 'model: ./model\nbase: int4\nrules: ["* all method=qalora pool=32 r=4 blocksize=32", "* down off base=nf4"]\n'


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk with a finished run on a tiny Qwen2, a reference run, and a run that failed."""
    desk = Desk(tmp_path_factory.mktemp("merge"))
    _save_model(desk.folder / "model", _qwen2)
    _save_alpaca(desk.folder / "data.jsonl", 60)
    (desk.folder / "recipe.yaml").write_text(RECIPE)
    (desk.folder / "qa.yaml").write_text(PLAN)
    (desk.folder / "frozen.yaml").write_text("model: ./model\n")
    for words in (("qa.yaml", "frozen.yaml"), ("qa.yaml", "--seed", "2", "--set", "lr=1e30")):
        finished_here(desk, *words, "--recipe", "recipe.yaml")
    assert [row["status"] for row in desk("runs", "list", "--json").json] == ["failed", "finished", "finished"]
    return desk


@pytest.fixture
def run(trained: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(trained, monkeypatch, capsys)


def test_into_int4_and_back(trained: Desk, run: Run) -> None:
    answer = run("adapter", "merge", "qa-s1", "--into", "int4", "--to", "merged/int4", "--json")
    assert answer.code == 0, answer.err
    merged = answer.json["merged"]
    assert merged["target"] == "int4"
    assert merged["kept"] == pytest.approx(1, abs=1e-3)
    assert len(merged["sites"]) == 4 * 6
    assert all(kept["error"] < 1e-2 for kept in merged["sites"].values())
    model = load_merged(trained.folder / "merged/int4")
    with torch.no_grad():
        assert model(input_ids=torch.tensor([[5, 6, 7]])).logits.isfinite().all()
    assert list((trained.folder / "merged").iterdir()) == [trained.folder / "merged/int4"]


def test_the_report_says_before_after_and_what_is_kept(run: Run) -> None:
    report = run("adapter", "merge", "qa-s1", "--report", "--json").json["report"]
    targets = {target["target"]: target for target in report["targets"]}
    assert list(targets) == ["int4", "nf4", "bf16", "bf16-original"]
    assert targets["bf16"]["kept"] == pytest.approx(1, abs=0.01)
    assert targets["bf16"]["eval"]["loss"] == pytest.approx(report["before"]["loss"], rel=0.01)
    text = run("adapter", "merge", "qa-s1", "--report")
    assert text.code == 0
    for words in ("adapter on its base", "bf16-original", "attention", "upper", "model.layers.3.mlp.up_proj"):
        assert words in text.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("qa-s1",), 2, ["nothing to do", "--to DIR", "--report"]),
        (("qa-s1", "--to", "x"), 2, ["--to without --into"]),
        (("qa-s1", "--into", "int5", "--to", "x"), 2, ["cannot merge into 'int5'", "did you mean 'int4'?"]),
        (("qa-s1", "--into", "nf4", "--base", "none", "--to", "x"), 2, ["no such base", "quantized, original"]),
        (("qa-s1", "--into", "nf4", "--to", "model"), 2, ["model exists already", "name a new folder"]),
        (("frozen", "--into", "nf4", "--to", "x"), 3, ["adapts nothing"]),
        (("qa-s2", "--into", "nf4", "--to", "x"), 4, ["has no adapter: it is failed"]),
        (("qa-s3", "--into", "nf4", "--to", "x"), 4, ["qa-s3", "did you mean"]),
        (
            ("qa-s1", "--into", "nf4", "--to", "x", "--model", "gone"),
            4,
            ["gone: the model's folder is gone", "--model"],
        ),
    ],
)
def test_what_is_refused(trained: Desk, run: Run, words: tuple[str, ...], code: int, said: list[str]) -> None:
    answer = run("adapter", "merge", *words)
    assert (answer.code, answer.out, answer.err.count("error: ")) == (code, "", 1), answer
    for text in said:
        assert text in answer.err
    assert not (trained.folder / "x").exists()


def test_another_base_is_refused(trained: Desk, run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(trained.folder / "model", other)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "rope_theta": 5.0}))
    answer = run("adapter", "merge", "qa-s1", "--into", "bf16", "--to", "x", "--model", str(other))
    assert answer.code == 3
    assert "is not the base that run qa-s1 was trained on: its fingerprint differs" in answer.err
    moved = tmp_path / "moved"
    shutil.copytree(trained.folder / "model", moved)
    assert run("adapter", "merge", "qa-s1", "--into", "bf16", "--to", "y", "--model", str(moved)).code == 0


def test_a_layer_that_does_not_fit_int4_is_named(trained: Desk, run: Run) -> None:
    (trained.folder / "nf4.yaml").write_text('model: ./model\nrules: ["* all r=4"]\n')
    assert run("run", "nf4.yaml", "--recipe", "recipe.yaml").code == 0
    answer = run("adapter", "merge", "nf4-s1", "--into", "int4", "--to", "z")
    assert answer.code == 3
    assert "cannot merge into int4: model.layers.0.mlp.down_proj" in answer.err
    assert "merge into nf4, bf16 or fp32" in answer.err
    assert not (trained.folder / "z").exists()
    refused = run("run", "nf4.yaml", "--recipe", "recipe.yaml", "--set", "merge_eval=[int4]")
    assert refused.code == 3
    assert "cannot merge into int4" in refused.err
    report = run("adapter", "merge", "nf4-s1", "--report")
    assert report.code == 0
    assert "int4: cannot merge into int4" in report.out
