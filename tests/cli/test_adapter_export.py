"""`adapter export` as a person types it: what is written loads as the card says, and everything that is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.cli.command import Desk
from tests.cli.in_process import Run, runner
from tests.train.card import loaded, python_of
from tests.train.here import finished_here
from tests.train.support import DEMO
from workbench.run.layout import Home, RunDir
from workbench.train.open_run import open_run

pytestmark = pytest.mark.slow
RECIPE = f"data: {DEMO}/data/train.jsonl\neval_data: few.jsonl\nsteps: 2\nbatch: 4\nmax_length: 32\nlr: 1e-2\n"
PLANS = {
    "plain": ["* attn r=4", "0 q r=8 alpha=4 dropout=0.1"],
    "mixed": ["* attn r=4", "* mlp method=blora balance=4 r=2", "2 down method=qalora pool=32 base=int4 r=4"],
    "stock": ["0 all method=dora r=4", "1 all r=4"],
    "rows": ["0 all method=dora r=4", "1 all method=qahira pool=32 balance=8"],
    "fitted": ["0,1 all r=4 init=pissa"],
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk with finished runs on the demo base, a reference run, and a run that failed."""
    desk = Desk(tmp_path_factory.mktemp("export"))
    (desk.folder / "few.jsonl").write_text("".join((DEMO / "data/eval.jsonl").read_text().splitlines(True)[:8]))
    (desk.folder / "recipe.yaml").write_text(RECIPE)
    shutil.copytree(DEMO / "base", desk.folder / "model")
    for name, rules in PLANS.items():
        (desk.folder / f"{name}.yaml").write_text(f"model: ./model\nrules: {json.dumps(rules)}\n")
    (desk.folder / "frozen.yaml").write_text("model: ./model\n")
    finished_here(desk, *(f"{name}.yaml" for name in (*PLANS, "frozen")), "--recipe", "recipe.yaml")
    finished_here(desk, "plain.yaml", "--seed", "2", "--set", "lr=1e30", "--recipe", "recipe.yaml")
    assert sorted(row["status"] for row in desk("runs", "list", "--json").json) == ["failed", *["finished"] * 6]
    return desk


@pytest.fixture
def run(trained: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(trained, monkeypatch, capsys)


@torch.no_grad()
def logits(model: Any) -> torch.Tensor:
    return model.eval()(input_ids=torch.arange(4, 44).reshape(2, 20)).logits  # type: ignore[no-any-return]


def run_dir(desk: Desk, name: str) -> RunDir:
    [found] = [d for d in Home(desk.home).run_dirs() if json.loads(d.record.read_text())["name"] == name]
    return found


def off(trained: Desk, name: str, model: Any) -> float:
    wanted = logits(open_run(run_dir(trained, name)).model)
    return float((logits(model) - wanted).abs().max() / wanted.abs().max())


@pytest.mark.parametrize("uniform", [(), ("--uniform",)], ids=["patterns", "uniform"])
@pytest.mark.parametrize("name", ["plain", "mixed", "fitted"])
def test_the_lines_of_the_card_load_what_was_trained(
    trained: Desk, run: Run, name: str, uniform: tuple[str, ...], tmp_path: Path
) -> None:
    out = tmp_path / "adapter"
    answer = run("adapter", "export", f"{name}-s1", "--to", str(out), "--with-base", "fp32", *uniform)
    assert answer.code == 0, answer.err
    assert f"{out}: {name}-s1 as a LoRA checkpoint of" in answer.out
    assert off(trained, f"{name}-s1", loaded(python_of((out / "README.md").read_text()), tmp_path)) <= 1e-5
    assert sorted(p.name for p in tmp_path.iterdir()) == ["adapter"]
    assert str(trained.folder) not in (out / "README.md").read_text()


def test_a_base_that_transformers_makes_needs_no_folder(trained: Desk, run: Run, tmp_path: Path) -> None:
    answer = run("adapter", "export", "plain-s1", "--to", str(tmp_path / "a"), "--json").json
    assert (
        'bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype="float32")'
        in answer["python"]
    )
    assert off(trained, "plain-s1", loaded(answer["python"], tmp_path)) <= 1e-5
    assert (answer["kind"], answer["ranks"], answer["base"], answer["name"]) == ("lora", [4, 8], None, "plain-s1")


def test_onto_the_original_checkpoint(trained: Desk, run: Run, tmp_path: Path) -> None:
    answer = run("adapter", "export", "fitted-s1", "--to", str(tmp_path / "a"), "--onto", "original")
    assert answer.code == 0, answer.err
    assert "rank 8" in answer.out
    assert "approximate at 14 sites: model.layers.0.self_attn.q_proj" in answer.out
    assert "At 14 sites it is not exact" in (tmp_path / "a/README.md").read_text()
    json_answer = run(
        "adapter", "export", "fitted-s1", "--to", str(tmp_path / "b"), "--onto", "original", "--json"
    ).json
    assert 1e-5 < off(trained, "fitted-s1", loaded(json_answer["python"], tmp_path)) < 0.5


def test_dora_beside_lora_is_exported_as_peft_knows_it(trained: Desk, run: Run, tmp_path: Path) -> None:
    answer = run("adapter", "export", "stock-s1", "--to", str(tmp_path / "a"), "--with-base", "fp32")
    assert "stock-s1 as a DoRA checkpoint of 14 sites, rank 4" in answer.out
    assert off(trained, "stock-s1", loaded(python_of((tmp_path / "a/README.md").read_text()), tmp_path)) <= 1e-5


def test_a_moved_model_is_named(trained: Desk, run: Run, tmp_path: Path) -> None:
    (trained.folder / "model").rename(tmp_path / "moved")
    try:
        gone = run("adapter", "export", "mixed-s1", "--to", str(tmp_path / "a"), "--with-base", "fp32")
        without = run("adapter", "export", "mixed-s1", "--to", str(tmp_path / "b"))
        words = ("--with-base", "bf16", "--model", str(tmp_path / "moved"))
        found = run("adapter", "export", "mixed-s1", "--to", str(tmp_path / "a"), *words)
    finally:
        (tmp_path / "moved").rename(trained.folder / "model")
    assert (gone.code, without.code, found.code) == (4, 0, 0)
    assert "the model's folder is gone\n  name the place it is at now: --model DIR" in gone.err
    assert "Export once more with `--with-base fp32`" in (tmp_path / "b/README.md").read_text()
    assert "rounded once more to bf16" in (tmp_path / "a/README.md").read_text()


def test_force_replaces_exports_and_nothing_else(trained: Desk, run: Run, tmp_path: Path) -> None:
    out, mine = tmp_path / "a", tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("all of it")
    link = tmp_path / "link"
    assert run("adapter", "export", "mixed-s1", "--to", str(out), "--with-base", "fp32").code == 0
    link.symlink_to(out)
    refused = run("adapter", "export", "plain-s1", "--to", str(out))
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == f"error: {out} exists already\n  name a new folder, or replace this export with --force\n"
    for place in (mine, link, mine / "thesis.txt"):
        answer = run("adapter", "export", "plain-s1", "--to", str(place), "--force")
        assert (answer.code, answer.out) == (2, "")
        assert f"{place} exists already and is no export\n  name a new folder, or remove it first" in answer.err
    assert (mine / "thesis.txt").read_text() == "all of it"
    assert run("adapter", "export", "plain-s1", "--to", str(out), "--force").code == 0
    assert not (out / "base").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "link", "mine"]


def test_a_folder_that_cannot_be_made(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    answer = run("adapter", "export", "plain-s1", "--to", str(tmp_path / "file/a"))
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith(f"error: {tmp_path}/file")
    assert "Not a directory\n  check the path" in answer.err


def test_nothing_is_left_of_an_export_that_breaks_off(trained: Desk, run: Run, tmp_path: Path) -> None:
    folder = run_dir(trained, "mixed-s1")
    weights = folder.adapter / "plan_adapter.safetensors"
    whole = weights.read_bytes()
    weights.unlink()
    try:
        answer = run("adapter", "export", "mixed-s1", "--to", str(tmp_path / "a"))
    finally:
        weights.write_bytes(whole)
    assert (answer.code, answer.out) == (4, "")
    assert "no adapter weights" in answer.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nobody",), 4, ["no run is called 'nobody'", "known: "]),
        (("plain-s3",), 4, ["plain-s3", "did you mean 'plain-s"]),
        (("frozen",), 3, ["run frozen: its plan adapts nothing, so there is nothing to export", "runs list"]),
        (("plain-s2",), 4, ["run plain-s2 has no adapter: it is failed", "workbench runs show"]),
        (("plain-s1", "--with-base", "fp8"), 2, ["--with-base fp8: not known", "fp32, bf16"]),
        (("plain-s1", "--onto", "orignal"), 2, ["--onto orignal: not known", "did you mean 'original'?"]),
        (("plain-s1", "--onto", "original", "--with-base", "fp32"), 2, ["cannot stand beside --onto original"]),
        (("plain-s1", "--with-base", "fp32", "--model", "gone"), 4, ["gone: the model's folder is gone", "--model"]),
        (
            ("rows-s1",),
            3,
            [
                "run rows-s1: model.layers.0.self_attn.q_proj, ",
                "and 4 more: dora rescales whole rows of the weight",
                "workbench adapter merge rows-s1 --into bf16 --to DIR",
            ],
        ),
        (("stock-s1", "--uniform"), 3, ["one rank and one alpha for all sites cannot say", "leave --uniform out"]),
    ],
)
def test_what_is_refused(trained: Desk, run: Run, words: tuple[str, ...], code: int, said: list[str]) -> None:
    answer = run("adapter", "export", *words, "--to", "x")
    assert (answer.code, answer.out, answer.err.count("error: ")) == (code, "", 1), answer
    for text in said:
        assert text in answer.err
    assert not (trained.folder / "x").exists()
    assert not (trained.folder / ".x.new").exists()


def test_without_a_place_nothing_is_written(run: Run) -> None:
    answer = run("adapter", "export", "plain-s1")
    assert (answer.code, answer.out) == (2, "")
    assert "Missing option '--to'" in answer.err
