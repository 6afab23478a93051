"""`plan export` as a person types it."""

import json
import subprocess

import pytest
from ruamel.yaml import YAML

from tests.cli.command import COMMAND, Desk
from tests.cli.in_process import Run, runner


@pytest.fixture
def run(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    run = runner(desk, monkeypatch, capsys)
    assert run("plan", "new", "few", "--rank", "4", "--rule", "* q,v", "--rule", "0 q r=8").code == 0
    assert run("plan", "new", "mixed", "--rule", "* attn", "--rule", "2 mlp method=qahira pool=32 base=int4").code == 0
    assert run("plan", "new", "dense", "--rule", "* all method=qahira pool=32").code == 0
    return run


def test_to_peft_and_back(desk: Desk, run: Run) -> None:
    answer = run("plan", "export", "few", "--format", "peft", "--to", "out/adapter_config.json")
    assert (answer.code, answer.out) == (0, "wrote out/adapter_config.json\n")
    assert answer.err == (
        "warning: base nf4 at 42 sites (* all): the file does not say how the base is stored: whoever loads it does\n"
    )
    assert json.loads((desk.folder / "out/adapter_config.json").read_text())["r"] == 4
    assert run("plan", "new", "back", "--from", "out", "--base", "nf4").code == 0
    assert "the plans set the same at every site" in run("plan", "diff", "few", "back").out


def test_to_axolotl_and_back(desk: Desk, run: Run) -> None:
    answer = run("plan", "export", "few", "--format", "axolotl")
    assert (answer.code, answer.err) == (0, "")
    values = YAML(typ="safe").load(answer.out)
    assert (values["adapter"], values["lora_target_modules"]) == ("qlora", ["q_proj", "v_proj"])
    (desk.folder / "a.yaml").write_text(answer.out)
    assert run("plan", "new", "back", "--from", "a.yaml").code == 0
    assert "the plans set the same at every site" in run("plan", "diff", "few", "back").out


def test_what_is_left_out_is_said_on_stderr_and_in_json(run: Run) -> None:
    answer = run("plan", "export", "mixed", "--format", "axolotl")
    assert answer.code == 0
    for line in (
        "warning: method qahira at 3 sites (2 mlp): it has no rank, and a LoRA configuration nothing else: "
        "these sites are left out",
        "warning: base int4 at 3 sites (2 mlp): axolotl stores all layers alike: nf4 is written",
    ):
        assert line in answer.err.splitlines()
    told = run("plan", "export", "mixed", "--format", "axolotl", "--json").json
    assert (told["file"], told["format"], told["values"]["lora_r"]) == (None, "axolotl", 16)
    assert [(item["what"], item["sites"], item["selectors"]) for item in told["not_said"]] == [
        ("method qahira", 3, ["2 mlp"]),
        ("base int4", 3, ["2 mlp"]),
    ]


def test_a_file_is_replaced_when_that_is_wanted(desk: Desk, run: Run) -> None:
    place = desk.folder / "a.yaml"
    place.write_text("mine")
    refused = run("plan", "export", "few", "--format", "axolotl", "--to", "a.yaml")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == "error: a.yaml exists already\n  name another file, or replace it with --force\n"
    assert place.read_text() == "mine"
    folder = run("plan", "export", "few", "--format", "axolotl", "--to", ".", "--force")
    assert (folder.code, folder.err) == (2, "error: . exists already\n  name another file\n")
    assert run("plan", "export", "few", "--format", "axolotl", "--to", "a.yaml", "--force").code == 0
    assert place.read_text().startswith("# adapter keys for axolotl")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("few", "--format", "axolotel"), 2, ["--format axolotel: no such format", "did you mean 'axolotl'?"]),
        (("fow", "--format", "peft"), 4, ["no plan 'fow'", "did you mean 'few'?"]),
        (("demo-reference-nf4", "--format", "peft"), 3, ["plan demo-reference-nf4 adapts nothing", "add a rule"]),
        (("dense", "--format", "peft"), 3, ["none of its adapters has a rank (qahira)", "adapter export RUN"]),
    ],
)
def test_what_is_refused(desk: Desk, run: Run, words: tuple[str, ...], code: int, said: list[str]) -> None:
    answer = run("plan", "export", *words, "--to", "x")
    assert (answer.code, answer.out, answer.err.count("error: ")) == (code, "", 1)
    for text in said:
        assert text in answer.err
    assert not (desk.folder / "x").exists()


def test_the_command_imports_no_torch(desk: Desk, run: Run) -> None:
    words = ["-X", "importtime", *COMMAND[1:], "plan", "export", "few", "--format", "peft"]
    done = subprocess.run(
        [COMMAND[0], *words], cwd=desk.folder, env=desk.environment(), text=True, capture_output=True, check=True
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "workbench.plan.export_peft" in imported
    assert not imported & {"torch", "peft", "transformers", "duckdb"}
