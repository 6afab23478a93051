"""axolotl and LLaMA-Factory files: what they mean for a plan, and for a recipe."""

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import InvalidError, UsageError
from workbench.plan.arrive import Arrival, Wishes, arrive
from workbench.run.layout import Home
from workbench.run.recipe import Recipe
from workbench.run.recipe_file import load_recipe

AXOLOTL: dict[str, Any] = {
    "adapter": "qlora",
    "load_in_4bit": True,
    "lora_r": 4,
    "lora_alpha": 8,
    "lora_dropout": 0.05,
    "lora_target_modules": ["q_proj", "v_proj"],
    "datasets": [{"path": "data.jsonl", "type": "alpaca"}],
    "micro_batch_size": 2,
    "gradient_accumulation_steps": 4,
    "learning_rate": "2e-4",
}
FACTORY: dict[str, Any] = {
    "stage": "sft",
    "finetuning_type": "lora",
    "lora_rank": 4,
    "dataset": "mine",
    "template": "llama3",
}


def arrived(folder: Path, model: Path, values: dict[str, Any], **wishes: Any) -> Arrival:
    """The arrival of a YAML file with these values; null takes a key out. JSON values are YAML ones."""
    file = folder / "train.yaml"
    text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in values.items() if value is not None)
    file.write_text(text, encoding="utf-8")
    return arrive(file, folder / "plan.yaml", "p", Home(folder / "home"), Wishes(model=str(model), **wishes))


def recipe_of(arrival: Arrival, folder: Path) -> Recipe:
    (folder / "recipe.yaml").write_text(arrival.recipe, encoding="utf-8")
    return load_recipe(str(folder / "recipe.yaml"), Home(folder / "home"))[1]


def reasons(arrival: Arrival) -> dict[str, str]:
    return {item.key: item.reason for item in (*arrival.left_out, *arrival.left_out_of_recipe)}


def adapted(arrival: Arrival) -> set[str]:
    return {f"{planned.site.block} {planned.site.module}" for planned in arrival.plan.adapted}


def test_axolotl(tmp_path: Path, llama: Path) -> None:
    arrival = arrived(tmp_path, llama, AXOLOTL)
    assert arrival.file_format == "axolotl"
    assert arrival.rules == ("* q,v",)
    adapter = arrival.plan.adapted[0].adapter
    assert adapter is not None
    assert (adapter.method, adapter.r, adapter.alpha, adapter.dropout) == ("lora", 4, 8.0, 0.05)
    assert {(p.base.format, p.base.double_quant) for p in arrival.plan.sites} == {("nf4", True)}
    assert arrival.notes == ("the file says how to train, too: --recipe-to FILE writes a recipe",)


@pytest.mark.parametrize(
    ("change", "base"),
    [
        ({"adapter": "lora", "load_in_4bit": None, "load_in_8bit": True}, ("int8", None, 6.0)),
        ({"adapter": "lora", "load_in_4bit": None}, ("fp32", None, None)),
        ({"adapter": "lora", "load_in_4bit": False, "bf16": "auto"}, ("bf16", None, None)),
        ({"adapter": "lora", "load_in_4bit": False, "fp16": "yes"}, ("bf16", None, None)),
        ({"bnb_config_kwargs": {"bnb_4bit_quant_type": "fp4"}}, ("fp4", True, None)),
        ({"bnb_config_kwargs": {"bnb_4bit_use_double_quant": False}}, ("nf4", False, None)),
    ],
)
def test_the_base_format_of_axolotl(tmp_path: Path, llama: Path, change: dict[str, Any], base: object) -> None:
    plan = arrived(tmp_path, llama, AXOLOTL | change).plan
    assert {(p.base.format, p.base.double_quant, p.base.threshold) for p in plan.sites} == {base}


def test_the_base_of_the_command_line_wins(tmp_path: Path, llama: Path) -> None:
    arrival = arrived(tmp_path, llama, AXOLOTL | {"load_in_8bit": True, "load_in_4bit": None}, base="bf16")
    assert {p.base.format for p in arrival.plan.sites} == {"bf16"}
    assert arrival.rules == ("* q,v",)


@pytest.mark.parametrize(
    ("change", "rules", "method"),
    [
        ({"lora_target_modules": None, "lora_target_linear": True}, ("* all",), "lora"),
        ({"lora_target_modules": ".*up_proj", "peft_use_dora": True}, ("* up",), "dora"),
        ({"peft_use_rslora": "on", "lora_layers_to_transform": [0, 3]}, ("0,3 q,v",), "rslora"),
        ({"peft_layers_to_transform": [1]}, ("1 q,v",), "lora"),
        ({"lora_rank_pattern": {"v_proj": 2}}, ("* q", "* v r=2"), "lora"),
    ],
)
def test_the_adapter_of_axolotl(
    tmp_path: Path, llama: Path, change: dict[str, Any], rules: tuple[str, ...], method: str
) -> None:
    arrival = arrived(tmp_path, llama, AXOLOTL | change)
    assert arrival.rules == rules
    assert {p.method for p in arrival.plan.adapted} == {method}


def test_beside_target_linear_axolotl_reads_a_pattern_as_a_name(tmp_path: Path, llama: Path) -> None:
    values = AXOLOTL | {"lora_target_modules": ".*up_proj", "lora_target_linear": True}
    arrival = arrived(tmp_path, llama, values)
    assert arrival.rules == ("* all",)
    assert (arrival.keys[0].entry, arrival.keys[0].state) == (".*up_proj", "hits nothing")


def test_what_axolotl_can_and_a_plan_cannot(tmp_path: Path, llama: Path) -> None:
    values = AXOLOTL | {
        "lora_target_modules": ["q_proj", "lm_head"],
        "lora_modules_to_save": ["embed_tokens"],
        "lora_model_dir": "old",
        "peft_init_lora_weights": "corda",
        "loraplus_lr_ratio": 16,
        "wandb_project": "w",
        "hub_model_id": "",
    }
    said = reasons(arrived(tmp_path, llama, values))
    assert "tied to the embeddings" in said["lora_target_modules"]
    assert "trained whole" in said["lora_modules_to_save"]
    assert "new adapters" in said["lora_model_dir"]
    assert "default instead" in said["peft_init_lora_weights"]
    assert said["loraplus_lr_ratio"] == "A and B have one learning rate"
    assert "wandb_project" in said


def test_the_recipe_of_axolotl(tmp_path: Path, llama: Path) -> None:
    values = AXOLOTL | {
        "num_epochs": 3,
        "lr_scheduler": "linear",
        "warmup_ratio": 0.1,
        "optimizer": "adamw_bnb_8bit",
        "weight_decay": 0.01,
        "max_grad_norm": 0.5,
        "sequence_len": 1024,
        "val_set_size": 0.05,
        "eval_steps": 20,
        "gradient_checkpointing": True,
        "bf16": True,
        "sample_packing": True,
        "seed": 42,
    }
    (tmp_path / "data.jsonl").touch()
    arrival = arrived(tmp_path, llama, values, recipe=True)
    recipe = recipe_of(arrival, tmp_path)
    assert recipe.data == str(tmp_path / "data.jsonl")
    assert (recipe.format, recipe.max_length, recipe.epochs, recipe.steps) == ("alpaca", 1024, 3.0, None)
    assert (recipe.batch, recipe.accumulation, recipe.lr) == (2, 4, 2e-4)
    assert (recipe.schedule, recipe.warmup, recipe.optimizer) == ("linear", 0.1, "adamw_8bit")
    assert (recipe.weight_decay, recipe.clip, recipe.eval_every) == (0.01, 0.5, 20)
    assert recipe.split is not None
    assert (recipe.split.fraction, recipe.gradient_checkpointing, recipe.compute_dtype) == (0.05, True, "bf16")
    assert {"sample_packing", "seed"} <= reasons(arrival).keys()


def test_what_axolotl_takes_silently_stands_in_the_recipe(tmp_path: Path, llama: Path) -> None:
    arrival = arrived(tmp_path, llama, AXOLOTL | {"max_steps": 50}, recipe=True)
    recipe = recipe_of(arrival, tmp_path)
    assert (recipe.steps, recipe.epochs, recipe.schedule, recipe.warmup) == (50, None, "cosine", 0.03)
    assert (recipe.max_length, recipe.clip, recipe.optimizer, recipe.compute_dtype) == (512, 1.0, "adamw", "fp32")
    assert "# axolotl's default for lr_scheduler" in arrival.recipe
    assert "a tenth is held out" in reasons(arrival)["val_set_size"]


def test_a_total_batch_size_becomes_accumulation(tmp_path: Path, llama: Path) -> None:
    values = AXOLOTL | {"gradient_accumulation_steps": None, "batch_size": 32}
    assert recipe_of(arrived(tmp_path, llama, values, recipe=True), tmp_path).accumulation == 16


def test_data_of_axolotl(tmp_path: Path, llama: Path) -> None:
    values = AXOLOTL | {
        "datasets": [
            {"path": "json", "data_files": ["rows.json"], "type": "chat_template", "revision": "v1", "name": "sub"},
            {"path": "second.jsonl"},
        ],
        "test_datasets": [{"path": "test.jsonl"}],
        "lr_scheduler": "polynomial",
        "optimizer": "lion",
    }
    arrival = arrived(tmp_path, llama, values, recipe=True)
    recipe = recipe_of(arrival, tmp_path)
    assert (Path(recipe.data).name, recipe.format, recipe.revision) == ("rows.json", "chat", "v1")
    assert recipe.eval_data is not None
    assert Path(recipe.eval_data).name == "test.jsonl"
    assert {"datasets[1]", "datasets[0].name", "lr_scheduler", "optimizer"} <= reasons(arrival).keys()
    assert (recipe.schedule, recipe.optimizer) == ("constant_with_warmup", "adamw")


def test_llama_factory(tmp_path: Path, llama: Path) -> None:
    arrival = arrived(tmp_path, llama, FACTORY)
    assert arrival.file_format == "llama-factory"
    assert arrival.rules == ("* all",)
    adapter = arrival.plan.adapted[0].adapter
    assert adapter is not None
    assert (adapter.r, adapter.alpha, adapter.dropout) == (4, 8.0, 0.0)  # alpha: twice the rank
    assert {p.base.format for p in arrival.plan.sites} == {"fp32"}  # as the checkpoint is stored


@pytest.mark.parametrize(
    ("change", "base", "method", "rules"),
    [
        ({"quantization_bit": 4, "lora_target": "q_proj, down_proj"}, ("nf4", True, None), "lora", ("* q,down",)),
        ({"quantization_bit": 4, "double_quantization": False}, ("nf4", False, None), "lora", ("* all",)),
        ({"quantization_bit": 8, "use_dora": True}, ("int8", None, 6.0), "dora", ("* all",)),
        ({"bf16": True, "use_rslora": True}, ("bf16", None, None), "rslora", ("* all",)),
    ],
)
def test_the_adapter_of_llama_factory(
    tmp_path: Path, llama: Path, change: dict[str, Any], base: object, method: str, rules: tuple[str, ...]
) -> None:
    arrival = arrived(tmp_path, llama, FACTORY | change)
    assert {(p.base.format, p.base.double_quant, p.base.threshold) for p in arrival.plan.sites} == {base}
    assert {p.method for p in arrival.plan.adapted} == {method}
    assert tuple(rule for rule in arrival.rules if "=" not in rule) == rules


def test_the_recipe_of_llama_factory(tmp_path: Path, llama: Path) -> None:
    (tmp_path / "data").mkdir()
    info = {"mine": {"file_name": "mine.json", "columns": {"prompt": "question", "response": "answer"}}}
    (tmp_path / "data/dataset_info.json").write_text(json.dumps(info))
    values = FACTORY | {"lr_scheduler_type": "cosine", "warmup_steps": 5, "val_size": 0.1, "bf16": True}
    arrival = arrived(tmp_path, llama, values, recipe=True)
    recipe = recipe_of(arrival, tmp_path)
    assert recipe.data == str(tmp_path / "data/mine.json")
    assert (recipe.format, dict(recipe.columns)) == ("alpaca", {"instruction": "question", "output": "answer"})
    assert (recipe.max_length, recipe.epochs, recipe.batch, recipe.lr) == (2048, 3.0, 8, 5e-5)
    assert (recipe.schedule, recipe.warmup, recipe.gradient_checkpointing) == ("cosine", 5.0, True)
    assert reasons(arrival) == {"template": "chats are written with the tokenizer's own template"}


def test_a_data_set_that_is_not_listed_is_said(tmp_path: Path, llama: Path) -> None:
    arrival = arrived(tmp_path, llama, FACTORY, recipe=True)
    assert "data: mine  # dataset" in arrival.recipe
    assert "write the path of its file into the recipe" in reasons(arrival)["dataset"]


def test_all_problems_of_the_training_keys_at_once(tmp_path: Path, llama: Path) -> None:
    values = AXOLOTL | {"learning_rate": "fast", "micro_batch_size": 0, "datasets": "data.jsonl"}
    with pytest.raises(InvalidError) as caught:
        arrived(tmp_path, llama, values, recipe=True)
    wheres = [problem.where.rpartition(" ")[2] for problem in caught.value.problems]
    assert wheres == ["datasets", "micro_batch_size", "learning_rate"]
    assert arrived(tmp_path, llama, values).rules == ("* q,v",)  # they matter only where a recipe is wanted


def test_rules_of_the_command_line_come_last(tmp_path: Path, llama: Path) -> None:
    arrival = arrived(tmp_path, llama, AXOLOTL, rules=("* v off",))
    assert adapted(arrival) == {f"{block} q_proj" for block in range(4)}


def test_rslora_beside_dora_keeps_its_scaling(tmp_path: Path, llama: Path) -> None:
    arrival = arrived(tmp_path, llama, AXOLOTL | {"peft_use_dora": True, "peft_use_rslora": True})
    assert {(p.method, p.scaling) for p in arrival.plan.adapted} == {("dora", 4.0)}  # 8/√4
    assert "times √r" in reasons(arrival)["peft_use_rslora"]


def test_a_peft_file_has_no_recipe(tmp_path: Path, llama: Path) -> None:
    with pytest.raises(UsageError, match="says nothing about training"):
        arrived(tmp_path, llama, {"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"]}, recipe=True)


def test_the_order_of_overlapping_patterns_is_warned_of(tmp_path: Path, llama: Path) -> None:
    patterns = {r".*_proj": 8, "q_proj": 2, "k_proj": 8}
    values = {"peft_type": "LORA", "r": 4, "target_modules": ["q_proj", "k_proj"], "rank_pattern": patterns}
    arrival = arrived(tmp_path, llama, values)
    messages = [problem.message for problem in arrival.warnings]
    assert "patterns with different values overlap on 4 sites (* q)" in messages[0]
    assert arrival.to_json()["shadowed"] == ["rank_pattern: q_proj", "rank_pattern: k_proj"]
    shadowed = next(key for key in arrival.to_json()["keys"] if key["entry"] == "q_proj" and key["value"])
    assert shadowed["shadowed_by"] == [{"pattern": ".*_proj", "sites": 4}]
