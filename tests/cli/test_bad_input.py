"""Every kind of wrong input, by the command that a person types: one clear message, its exit code, nothing left."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from tests.cli.command import Answer, Desk
from tests.cli.in_process import Run, runner
from tests.families import save_random
from tests.train.here import finished_here
from workbench.run.liveness import status_of
from workbench.run.states import RunStatus
from workbench.train.demo_base import character_tokenizer

GOOD = {"prompt": "sort cba=", "completion": "abc"}
TUNE = ("run", "demo-baseline", "--recipe", "recipe.yaml")


@pytest.fixture
def run(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(desk, monkeypatch, capsys)


@pytest.fixture
def model(desk: Desk) -> Path:
    """A tiny Llama with a tokenizer, in the folder of the desk."""
    tokenizer = character_tokenizer()
    folder = save_random("llama", desk.folder / "model", vocab_size=len(tokenizer))
    tokenizer.save_pretrained(folder)
    return folder


def _data(desk: Desk, content: bytes, more: str = "") -> None:
    (desk.folder / "data.jsonl").write_bytes(content)
    (desk.folder / "recipe.yaml").write_text(f"data: data.jsonl\nsteps: 1\n{more}")


def _rows(count: int) -> list[str]:
    return [json.dumps(GOOD)] * count


def _refused(answer: Answer, code: int, *words: str) -> None:
    """One message that says all the words, on the error stream, and nothing on the other."""
    assert (answer.code, answer.out, answer.err.count("error: ")) == (code, "", 1), answer
    for word in words:
        assert word in answer.err


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ("model: demo\nbass: nf4\n", ["plan.yaml:2:1 bass: unknown key 'bass'", "did you mean 'base'?"]),
        ('model: demo\nrules: ["* mlp rnk=4"]\n', ["rules[0]: unknown key 'rnk'", "expected one of method, r, alpha"]),
        ("model: demo\ndefaults: {rank: 4}\n", ["defaults.rank: unknown key 'rank'", "did you mean 'r'?"]),
        ('model: demo\nrules: ["* mlp lora_alpha=4"]\n', ["unknown key 'lora_alpha'", "did you mean 'alpha'?"]),
        ('model: demo\nrules: ["* mlp method=loraa"]\n', ["rules[0]: method 'loraa'", "did you mean 'lora'?"]),
        ("model: demo\nbase: nf5\n", ["plan.yaml:2:1 base: base format 'nf5'", "did you mean 'nf4'?"]),
        ('model: demo\nrules: ["* mlp base=int3"]\n', ["rules[0]: base format 'int3'", "available: nf4"]),
        ('model: demo\nrules: ["* mlp r=0"]\n', ["rules[0]: r is 0", "expected a whole number from 1"]),
        (
            'model: demo\nrules:\n  - "* all r=8"\n  - "2 k r=65"\n',
            [
                "plan.yaml:4:5 rules[1]: model.layers.2.self_attn.k_proj: r 65 is larger than the smaller side",
                "change r there",
            ],
        ),
        (
            'model: demo\nrules: ["6-9 mlp"]\n',
            ["rules[0]: '6-9' reaches beyond the 6 blocks", "expected blocks from 0 to 5"],
        ),
        ('model: demo\nrules: ["* mpl r=4"]\n', ["rules[0]: 'mpl' is no module", "did you mean 'mlp'?"]),
        (
            'model: demo\nrules: ["* query_key_value r=4"]\n',
            ["demo has no module 'query_key_value'", "one of q, k, v, o, gate, up, down"],
        ),
        ('model: demo\nrules: ["* lm_head r=4"]\n', ["'lm_head' is not a site", "inside the blocks"]),
        ('model: demo\nrules: ["* embed_tokens"]\n', ["'embed_tokens' is not a site", "inside the blocks"]),
        ("model: demo\nrules:\n  - * mlp r=4\n", ["plan.yaml:3:6", 'quote the rule: - "* mlp r=4"']),
        ("model: demo\nrules: [\n  - x\n", ["plan.yaml:3:3: not YAML", "check quotes, brackets and indentation"]),
        ("model: demo\nmodel: demo\n", ["plan.yaml:2:1 model: the key 'model' stands here a second time"]),
    ],
)
def test_a_wrong_plan(desk: Desk, run: Run, plan: str, words: list[str]) -> None:
    (desk.folder / "plan.yaml").write_text(plan)
    check = run("plan", "check", "plan.yaml")
    assert (check.code, check.out.count("error: ")) == (3, 1)
    _refused(run("run", "plan.yaml", "--recipe", "demo"), 3, *words)
    for word in words:
        assert word in check.out
    assert not desk.home.exists()


def _no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def _no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _truncated(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _unknown(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    odd = {**config, "architectures": ["MambaForCausalLM"], "model_type": "mamba"}
    (folder / "config.json").write_text(json.dumps(odd))


def _broken_config(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "llama",\n oops')


def _no_block(folder: Path) -> None:
    path = folder / "model.safetensors"
    kept = {name: tensor for name, tensor in load_file(path).items() if ".layers.1.mlp." not in name}
    save_file(kept, path, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_no_config, ["model: no config.json", "a model folder holds config.json and safetensors weights"]),
        (_no_weights, ["model: no weights", "model.safetensors.index.json and its shards"]),
        (_truncated, ["model.safetensors: cut short (", "copy or download it again"]),
        (_unknown, ["config.json: model_type 'mamba' is not supported", "gpt_neox"]),
        (_broken_config, ["config.json: not JSON", "copy or download it again"]),
        (_no_block, ["no weight for model.layers.1.mlp.gate_proj", "finish the download"]),
    ],
)
def test_a_model_folder_that_cannot_be_used(
    desk: Desk, run: Run, model: Path, spoil: Callable[[Path], None], words: list[str]
) -> None:
    spoil(model)
    (desk.folder / "plan.yaml").write_text('model: ./model\nrules: ["* all r=4"]\n')
    for command in (
        ("model", "show", "model"),
        ("plan", "new", "mine", "--model", "model"),
        ("run", "plan.yaml", "--recipe", "demo"),
    ):
        _refused(run(*command), 3, *words)
    assert not desk.home.exists()


@pytest.mark.parametrize(
    ("content", "recipe", "words"),
    [
        (b"", "", ["data.jsonl: no examples in it", "the file is empty"]),
        (
            ("\n".join(_rows(3)) + '\n{"prompt": "caf\xe9"}').encode("latin-1"),
            "",
            ["data.jsonl:4: not UTF-8 (byte 16)", "save it as UTF-8"],
        ),
        ("\n".join([*_rows(3), '{"prompt": "c"}']).encode(), "", ["data.jsonl:4: the key 'completion' is missing"]),
        (
            "\n".join(_rows(3)).encode(),
            "columns: {prompt: question}\n",
            ["data.jsonl: no column 'question'", "known: prompt, completion"],
        ),
        (
            "\n".join([*_rows(6000), '{"prompt": "c",', *_rows(3999)]).encode(),
            "",
            ["data.jsonl:6001: not JSON", "one JSON object per line"],
        ),
        (
            "\n".join(['{"messages": [{"role": "user", "content": "a"}]}']).encode(),
            "",
            ["data.jsonl:1:", "assistant"],
        ),
    ],
)
def test_data_that_cannot_be_used(desk: Desk, run: Run, content: bytes, recipe: str, words: list[str]) -> None:
    _data(desk, content, recipe)
    _refused(run(*TUNE), 3, *words)
    check = run("data", "check", "recipe.yaml", "--model", "demo")
    assert (check.code, check.out.count("error: ")) == (3, 1)
    for word in words:
        assert word in check.out
    assert not desk.home.exists()


def _failed(desk: Desk, run: Run, answer: Answer, failure: str, *words: str) -> None:
    """A run that was started and failed: exit code 1, the reason in the answer, on the card, and in the database."""
    assert answer.code == 1, answer.err
    assert answer.json["failure"]["class"] == failure
    card = run("runs", "show", answer.json["run_id"])
    assert card.code == 0
    for word in words:
        assert word in answer.err
        assert word in card.out
    [shown] = run("runs", "list", "--json").json
    assert (shown["status"], shown["failure"]["class"]) == ("failed", failure)
    assert not (desk.home / "runs" / answer.json["run_id"] / "adapter").exists()


@pytest.mark.slow
def test_no_target_is_left_at_the_maximal_length(desk: Desk, run: Run) -> None:
    _data(desk, "\n".join(_rows(30)).encode(), "max_length: 4\n")
    words = ("no target token is left in any of the", "the longest prompt has 10 tokens: raise max_length")
    check = run("data", "check", "recipe.yaml", "--model", "demo")
    assert check.code == 3
    assert all(word in check.out for word in words)
    _failed(desk, run, run(*TUNE), "bad_data", *words)


@pytest.mark.slow
def test_a_tokenizer_without_padding_token_trains_and_one_without_template_is_told(
    desk: Desk, run: Run, model: Path
) -> None:
    tokenizer = character_tokenizer()
    tokenizer.pad_token = None
    tokenizer.save_pretrained(model)
    (desk.folder / "plan.yaml").write_text('model: ./model\nrules: ["* q r=4"]\n')
    _data(desk, "\n".join(_rows(30)).encode())
    plan = ("run", "plan.yaml", "--recipe", "recipe.yaml")
    [trained] = finished_here(desk, *plan[1:])
    assert status_of(trained) is RunStatus.FINISHED
    turns = [{"role": "user", "content": "sort cba="}, {"role": "assistant", "content": "abc"}]
    _data(desk, "\n".join([json.dumps({"messages": turns})] * 30).encode())
    check = run("data", "check", "recipe.yaml", "--model", "model")
    answer = run(*plan)
    assert (check.code, answer.code, answer.json["failure"]["class"]) == (3, 1, "bad_data")
    for said in (check.out, answer.err):
        assert "the tokenizer has no chat template" in said
        assert "format: prompt_completion" in said


@pytest.mark.slow
def test_a_loss_that_is_not_a_number_names_the_step(desk: Desk, run: Run) -> None:
    answer = run("run", "demo-baseline", "--recipe", "demo", "--set", "lr=1e30", "--set", "steps=5")
    _failed(desk, run, answer, "nan", "step 2: the loss is")
    assert "lr" in run("runs", "show", answer.json["run_id"]).out


@pytest.mark.slow
def test_a_model_that_is_not_as_planned_is_not_trained(desk: Desk, run: Run) -> None:
    [run_dir] = finished_here(desk, "demo-baseline", "--recipe", "demo", "--set", "lr=1e30", "--set", "steps=5")
    path = run_dir.record
    record = json.loads(path.read_text())
    record["sites"][3]["scaling"] = 5.0
    path.write_text(json.dumps(record))
    again = run("run", "demo-baseline", "--recipe", "demo", "--set", "lr=1e30", "--set", "steps=5")
    site = record["sites"][3]["site"]
    _failed(desk, run, again, "audit_mismatch", site, "planned 2.0, built 5.0")


@pytest.mark.slow
def test_two_commands_that_start_the_same_run_at_once_make_one(desk: Desk) -> None:
    words = ("run", "demo-baseline", "--recipe", "demo", "--set", "steps=5", "--threads", "1")
    commands = [desk.start(*words) for _ in range(2)]
    answers = [command.communicate(timeout=300) for command in commands]
    assert [command.returncode for command in commands] == [0, 0], answers
    assert len({json.loads(out)["run_id"] for out, _ in answers}) == 1
    [log] = (desk.home / "runs").glob("*/events.jsonl")
    started = [line for line in log.read_text().splitlines() if json.loads(line)["kind"] == "started"]
    assert len(started) == 1
