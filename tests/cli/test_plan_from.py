"""`plan new --from`: what it writes and says, and every kind of file that it cannot use."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Desk
from tests.cli.in_process import Run, runner
from tests.unit.plan.support import write_llama

PEFT: dict[str, Any] = {
    "peft_type": "LORA",
    "r": 8,
    "lora_alpha": 16,
    "target_modules": ["q_proj", "down_proj", "query_key_value", "lm_head"],
    "rank_pattern": {".*_proj": 4, "layers.0.mlp.down_proj": 2},
    "modules_to_save": ["embed_tokens"],
}


@pytest.fixture
def run(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(desk, monkeypatch, capsys)


def written(desk: Desk, text: str | dict[str, Any], name: str = "adapter_config.json") -> str:
    (desk.folder / name).write_text(text if isinstance(text, str) else json.dumps(text, indent=2), encoding="utf-8")
    return name


def refused(run: Run, desk: Desk, *words: str, code: int = 3) -> str:
    """What a command says that must fail with this code and write no plan."""
    answer = run("plan", "new", "mine", *words)
    assert answer.code == code, answer
    assert answer.err.startswith("error: ")
    assert answer.out == ""
    assert not (desk.home / "plans").exists()
    return answer.err


def test_the_command_itself(desk: Desk) -> None:
    answer = desk("plan", "new", "mine", "--model", "demo", "--from", written(desk, PEFT))
    assert answer.code == 0, answer.err
    assert "  * q,down\n" in answer.out
    for line in (
        "target_modules   query_key_value                    0  hits nothing",
        "rank_pattern     .*_proj                     4     12  * q,down",
        "rank_pattern     layers.0.mlp.down_proj      2      0  shadowed by .*_proj",
        "  target_modules lm_head: lm_head: tied to the embeddings",
        "warning: adapter_config.json:8:5 target_modules[2]: 'query_key_value' hits nothing in demo",
        "note: the file does not say how the base is stored: nf4 is taken",
        "12 of 42 sites adapted",
    ):
        assert line in answer.out
    checked = desk("plan", "check", "mine", "--json").json
    assert {site["r"] for site in checked["sites"] if site["method"] == "lora"} == {4}


def test_as_json(desk: Desk, run: Run) -> None:
    answer = run("plan", "new", "mine", "--model", "demo", "--from", written(desk, PEFT), "--json")
    assert answer.code == 0, answer.err
    told = answer.json["from"]
    assert (answer.json["ok"], answer.json["recipe"]) == (True, None)
    assert answer.json["file"] == str(desk.home / "plans/mine.yaml")
    assert (told["format"], told["rules"]) == ("peft", ["* q,down"])
    assert told["hits_nothing"] == ["target_modules: query_key_value"]
    assert told["shadowed"] == ["rank_pattern: layers.0.mlp.down_proj"]
    assert [item["key"] for item in told["left_out"]] == ["target_modules", "modules_to_save"]
    first = told["keys"][0]
    assert (first["entry"], first["sites"], first["selectors"]) == ("q_proj", 6, ["* q"])


def test_without_from_the_answer_has_json_too(run: Run) -> None:
    answer = run("plan", "new", "mine", "--rank", "4", "--json")
    assert (answer.code, answer.json["ok"], answer.json["trainable_params"]) == (0, True, 58368)


def test_plan_and_recipe_of_one_file_run(desk: Desk, run: Run) -> None:
    text = (
        "base_model: demo\nadapter: qlora\nload_in_4bit: true\nlora_r: 4\nlora_alpha: 8\nlora_target_linear: true\n"
        "datasets:\n  - path: rows.jsonl\n    type: alpaca\nmicro_batch_size: 4\nlearning_rate: 2e-4\n"
    )
    written(desk, '{"instruction": "a", "output": "b"}\n' * 20, "rows.jsonl")
    answer = run("plan", "new", "mine", "--from", written(desk, text, "train.yml"), "--recipe-to", "recipe.yaml")
    assert answer.code == 0, answer.err
    assert "wrote recipe.yaml" in answer.out
    checked = run("plan", "check", "mine", "--recipe", "recipe.yaml", "--json")
    assert (checked.code, checked.json["ok"]) == (0, True)
    again = run("plan", "new", "other", "--from", "train.yml", "--recipe-to", "recipe.yaml")
    assert (again.code, "recipe.yaml exists" in again.err) == (2, True)
    assert not (desk.home / "plans/other.yaml").exists()


def test_an_adapter_folder_is_taken_for_its_configuration(desk: Desk, run: Run) -> None:
    (desk.folder / "adapter").mkdir()
    written(desk, PEFT | {"target_modules": "all-linear"}, "adapter/adapter_config.json")
    answer = run("plan", "new", "mine", "--model", "demo", "--from", "adapter", "--json")
    assert answer.json["from"]["keys"][0]["selectors"] == ["* all"]


def test_hundreds_of_names_are_told_in_a_line(desk: Desk, run: Run) -> None:
    names = [f"model.layers.{block}.mlp.{part}_proj" for block in range(6) for part in ("gate", "up", "down")]
    config = {"peft_type": "LORA", "r": 4, "target_modules": ["up_proj", "gate_proj", "down_proj"]}
    file = written(desk, config | {"rank_pattern": dict.fromkeys(names, 2)})
    answer = run("plan", "new", "mine", "--model", "demo", "--from", file)
    row = next(line for line in answer.out.splitlines() if line.startswith("rank_pattern"))
    assert row.split() == ["rank_pattern", "18", "names", "2", "18", "*", "mlp"]


def test_no_such_file(desk: Desk, run: Run) -> None:
    error = refused(run, desk, "--model", "demo", "--from", "adapter_confg.json", code=4)
    assert "no file 'adapter_confg.json'" in error
    assert "give a peft adapter_config.json, an axolotl YAML or a LLaMA-Factory YAML" in error


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", '{"peft_type": "LORA",\n "r": 8,,}', "a.json:2:9: not JSON"),
        ("a.json", "[1, 2]", "a.json:1:1: not a JSON object"),
        ("a.yaml", "adapter: lora\nlora_r: [8\n", "a.yaml:3:1: not YAML"),
        ("a.yaml", "", "a.yaml:1:1: empty"),
        ("a.yaml", "just words", "a.yaml:1:1: not a mapping"),
        ("a.yaml", "lora_r: 8\nlora_r: 4\n", "a.yaml:2:1 lora_r: the key 'lora_r' stands here a second time"),
    ],
)
def test_neither_json_nor_yaml(desk: Desk, run: Run, name: str, text: str, words: str) -> None:
    error = refused(run, desk, "--model", "demo", "--from", written(desk, text, name))
    assert words in error
    assert error.count(words) == 1


def test_not_utf8(desk: Desk, run: Run) -> None:
    (desk.folder / "a.json").write_bytes(b'{"r": "\xff"}')
    assert "UTF-8" in refused(run, desk, "--model", "demo", "--from", "a.json")


def test_none_of_the_formats(desk: Desk, run: Run) -> None:
    error = refused(run, desk, "--model", "demo", "--from", written(desk, {"architectures": [], "hidden_size": 4}))
    assert "neither a peft, an axolotl nor a LLaMA-Factory configuration; its keys: architectures" in error
    assert "--from-format" in error
    error = refused(run, desk, "--model", "demo", "--from", written(desk, {"model": "demo", "rules": []}))
    assert "this is a plan already" in error


def test_the_format_can_be_named(desk: Desk, run: Run) -> None:
    file = written(desk, {"target_modules": ["q_proj"]})
    assert "neither a peft" in refused(run, desk, "--model", "demo", "--from", file)
    wrong = refused(run, desk, "--model", "demo", "--from", file, "--from-format", "pefd", code=2)
    assert "did you mean 'peft'?" in wrong
    assert run("plan", "new", "mine", "--model", "demo", "--from", file, "--from-format", "peft").code == 0


def test_names_of_another_model(desk: Desk, run: Run) -> None:
    config = {"peft_type": "LORA", "base_model_name_or_path": "EleutherAI/pythia-70m"}
    file = written(desk, config | {"r": 4, "target_modules": ["query_key_value", "dense_h_to_4h"]})
    error = refused(run, desk, "--model", "demo", "--from", file)
    assert "it adapts no site of demo" in error
    assert "target_modules[0]: 'query_key_value' hits nothing in demo" in error
    assert "demo (llama) has q_proj, k_proj" in error
    assert "gpt_neox" in error
    assert "written for EleutherAI/pythia-70m" in error


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"layers_to_transform": [7, 8]}, ["layers_to_transform[0]: '7' hits nothing", "its blocks are 0 to 5"]),
        ({"target_modules": [".*q_proj"]}, ["for a regular expression write target_modules as one text"]),
        ({"exclude_modules": ["q_proj"]}, ["what it matches is kept out again", "exclude_modules"]),
        ({"target_modules": []}, ["target_modules names no modules"]),
    ],
)
def test_nothing_at_all_is_hit(desk: Desk, run: Run, change: dict[str, Any], words: list[str]) -> None:
    config = {"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"], **change}
    error = refused(run, desk, "--model", "demo", "--from", written(desk, config))
    assert "it adapts no site of demo; nothing was written" in error
    for word in words:
        assert word in error


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"r": 0}, ["adapter_config.json:3:3 r: r is 0", "a whole number from 1"]),
        ({"r": 2.5}, ["r is 2.5"]),
        ({"rank_pattern": {"q_proj": 0}}, ["rank_pattern.q_proj: q_proj is 0", "a whole number from 1"]),
        ({"rank_pattern": ["q_proj"]}, ["rank_pattern", "expected a mapping"]),
        ({"alpha_pattern": {"q_proj": "much"}}, ["alpha_pattern.q_proj", "a number above 0"]),
        ({"lora_dropout": 1.0}, ["lora_dropout is 1.0", "below 1"]),
        ({"lora_alpha": True}, ["lora_alpha is true"]),
        ({"use_dora": "maybe"}, ['use_dora is "maybe"', "true or false"]),
        ({"target_modules": [3]}, ["target_modules", "a list of texts"]),
        ({"layers_to_transform": ["1"]}, ["layers_to_transform", "indices of blocks"]),
        ({"peft_type": "IA3"}, ['peft_type is "IA3"', "expected LORA"]),
        ({"target_modules": "all-linear", "layers_to_transform": [1]}, ["cannot be used where target_modules is one"]),
        ({"layers_pattern": "layers"}, ["layers_pattern needs layers_to_transform"]),
        ({"r": 200}, ["r: model.layers.0.self_attn.q_proj, ", "and 3 more: r 200 is larger than", "128"]),
        (
            {"rank_pattern": {"q_proj": 200}},
            ["rank_pattern: model.layers.0.self_attn.q_proj, ", "and 3 more: r 200 is larger"],
        ),
    ],
)
def test_values_that_do_not_fit(desk: Desk, run: Run, change: dict[str, Any], words: list[str]) -> None:
    config = {"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"], **change}
    error = refused(run, desk, "--model", "demo", "--from", written(desk, config))
    assert "nothing was written" in error
    for word in words:
        assert word in error


@pytest.mark.parametrize(
    ("change", "where", "place"),
    [
        ({"target_modules": "model.(q_proj"}, "target_modules:", "position 6"),
        ({"exclude_modules": "*q"}, "exclude_modules:", "position 0"),
        ({"rank_pattern": {"q_proj": 2, "k[_proj": 4}}, "rank_pattern.k[_proj:", "position 1"),
        ({"alpha_pattern": {"v_proj|(?i)Q": 2}}, "alpha_pattern.v_proj|(?i)Q:", "position 7"),
        ({"modules_to_save": ["em("]}, "modules_to_save:", "position 2"),
    ],
)
def test_a_broken_regular_expression(desk: Desk, run: Run, change: dict[str, Any], where: str, place: str) -> None:
    config = {"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"], **change}
    error = refused(run, desk, "--model", "demo", "--from", written(desk, config))
    assert where in error
    assert "is no regular expression" in error
    assert place in error
    assert "^" in error


def test_every_problem_at_once(desk: Desk, run: Run) -> None:
    text = "base_model: demo\nadapter: qlora\nlora_r: 0\nlora_alpha: x\nlora_target_modules: '('\n"
    error = refused(run, desk, "--from", written(desk, text, "a.yaml"))
    assert "3 problems" in error
    assert [f"a.yaml:{line}:" in error for line in (3, 4, 5)] == [True] * 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("base_model: demo\nmicro_batch_size: 2\nlora_r: 4\nlora_alpha: 4\n", ["axolotl would train all parameters"]),
        ("base_model: demo\nadapter: llama-adapter\n", ['adapter is "llama-adapter"', "lora or qlora"]),
        ("base_model: demo\nadapter: lora\n", ["'lora_r' is missing", "'lora_alpha' is missing"]),
        ("model_name_or_path: demo\nfinetuning_type: full\n", ['finetuning_type is "full"', "expected lora"]),
        ("model_name_or_path: demo\nfinetuning_type: lora\nquantization_bit: 3\n", ["quantization_bit is 3", "4 or 8"]),
    ],
)
def test_training_that_is_not_of_adapters(desk: Desk, run: Run, text: str, words: list[str]) -> None:
    error = refused(run, desk, "--from", written(desk, text, "a.yaml"))
    for word in words:
        assert word in error


def test_a_family_for_which_peft_names_no_targets(desk: Desk, run: Run) -> None:
    write_llama(desk.folder / "phi", model_type="olmo2", architectures=["Olmo2ForCausalLM"])
    error = refused(run, desk, "--model", "phi", "--from", written(desk, {"peft_type": "LORA", "r": 4}))
    assert "no target_modules, and peft has no choice of its own for olmo2" in error


def test_words_that_do_not_go_together(desk: Desk, run: Run) -> None:
    file = written(desk, PEFT)
    assert "--rank cannot stand beside --from" in refused(run, desk, "--from", file, "--rank", "4", code=2)
    assert "belong to --from" in refused(run, desk, "--recipe-to", "r.yaml", code=2)
    assert "it names no base model" in refused(run, desk, "--from", file, code=2)
    error = refused(run, desk, "--model", "demo", "--from", file, "--recipe-to", "r.yaml", code=2)
    assert "says nothing about training" in error
    assert not Path("r.yaml").exists()


def test_a_base_model_that_is_not_here(desk: Desk, run: Run) -> None:
    file = written(desk, PEFT | {"base_model_name_or_path": "./gone"})
    error = refused(run, desk, "--from", file, code=4)
    assert "./gone" in error
    assert "adapter_config.json names it: give another with --model" in error
