"""Reads a peft adapter_config.json (peft 0.21, `LoraConfig`)."""

import json
from collections.abc import Iterator
from typing import Any

from workbench.plan.arrive_file import ArrivedFile
from workbench.plan.arrive_spec import PEFT_KEYS, AdapterSpec, Arriving, LeftOut
from workbench.plan.findings import Finding

SIGNS = ("peft_type", "r", "lora_alpha", "target_modules", "rank_pattern", "init_lora_weights", "lora_dropout")
# what peft adapts where a file names no targets, `peft.utils.constants`; families that are missing have none there
DEFAULT_TARGETS: dict[str, tuple[str, ...]] = {
    "bloom": ("query_key_value",),
    "falcon": ("query_key_value",),
    "gemma": ("q_proj", "v_proj"),
    "gemma2": ("q_proj", "v_proj"),
    "gpt_neox": ("query_key_value",),
    "llama": ("q_proj", "v_proj"),
    "mistral": ("q_proj", "v_proj"),
    "opt": ("q_proj", "v_proj"),
    "phi": ("q_proj", "v_proj", "fc1", "fc2"),
    "qwen2": ("q_proj", "v_proj"),
    "qwen3": ("q_proj", "v_proj"),
    "stablelm": ("q_proj", "v_proj"),
}
_FROZEN = "everything but the adapters of sites stays frozen here"
_NO_VARIANT = "this variant of lora is not among the methods of this version"
# keys that change what is trained and that a plan has no word for
LEFT_OUT: dict[str, str] = {
    "bias": f"biases are not trained: {_FROZEN}",
    "lora_bias": "adapters have no biases of their own",
    "trainable_token_indices": f"embeddings are no sites: {_FROZEN}",
    "target_parameters": "sites are linear layers, not single parameters",
    "layer_replication": "a plan adapts the blocks that a model has, it makes no new ones",
    "use_qalora": "peft's own form of qalora is not what the method of that name is here",
    "kasa_config": _NO_VARIANT,
    "velora_config": _NO_VARIANT,
    "alora_invocation_tokens": _NO_VARIANT,
    "use_bdlora": _NO_VARIANT,
    "arrow_config": _NO_VARIANT,
    "monteclora_config": _NO_VARIANT,
}
_NOT_SAID = ("none", False)
# keys that say nothing about what is trained
_PASSED_OVER = (
    "auto_mapping",
    "corda_config",
    "ensure_weight_tying",
    "eva_config",
    "fan_in_fan_out",
    "inference_mode",
    "loftq_config",
    "lora_ga_config",
    "megatron_config",
    "megatron_core",
    "peft_type",
    "peft_version",
    "qalora_group_size",
    "revision",
    "runtime_config",
)


def read_peft(file: ArrivedFile) -> Arriving:
    """The specification of an adapter_config.json; a peft_type other than LORA is refused."""
    if (kind := file.text("peft_type")) not in (None, "LORA"):
        expected = "LORA: a plan has no rules for other kinds of adapters"
        file.refuse(("peft_type",), kind, expected, None)
    spec = AdapterSpec(
        targets=_targets(file),
        r=file.whole("r", 8),
        alpha=file.number("lora_alpha", 8.0),
        dropout=read_dropout(file, "lora_dropout"),
        rslora=file.flag("use_rslora"),
        dora=file.flag("use_dora"),
        init=read_init(file, "init_lora_weights"),
        exclude=names_or_pattern(file, "exclude_modules") or (),
        layers=read_layers(file, "layers_to_transform"),
        layers_pattern=file.texts("layers_pattern"),
        ranks=read_ranks(file, "rank_pattern"),
        alphas=read_alphas(file, "alpha_pattern"),
        saved=file.texts("modules_to_save"),
    )
    check_layers(file, spec, PEFT_KEYS)
    file.read.update(_PASSED_OVER)
    return Arriving(
        spec,
        PEFT_KEYS,
        model=file.text("base_model_name_or_path"),
        left_out=(*set_keys(file, LEFT_OUT), *_task(file)),
        notes=("the file does not say how the base is stored",),
    )


def set_keys(file: ArrivedFile, reasons: dict[str, str]) -> Iterator[LeftOut]:
    """Those of the keys that the file sets, with the reasons why they are left out."""
    for key, reason in reasons.items():
        value = file.get(key)
        if value and value not in _NOT_SAID:
            yield LeftOut(key, value if isinstance(value, str) else json.dumps(value, default=str), reason)


def _task(file: ArrivedFile) -> Iterator[LeftOut]:
    if (task := file.text("task_type")) not in (None, "CAUSAL_LM"):
        yield LeftOut("task_type", str(task), "the workbench trains language models on target tokens")


def _targets(file: ArrivedFile) -> str | tuple[str, ...] | None:
    if file.get("target_modules") is None:
        return None
    return names_or_pattern(file, "target_modules")


def names_or_pattern(file: ArrivedFile, key: str) -> str | tuple[str, ...]:
    """A text is a regular expression, a list holds names."""
    value = file.get(key)
    return value if isinstance(value, str) else file.texts(key)


def read_dropout(file: ArrivedFile, key: str) -> float:
    dropout = file.number(key, 0.0, or_equal=True)
    if dropout >= 1:
        return float(file.refuse((key,), dropout, "a number from 0 to below 1", 0.0))
    return dropout


def read_init(file: ArrivedFile, key: str) -> str | bool:
    value = file.get(key)
    if value is None or isinstance(value, bool | str):
        return True if value is None else value
    return bool(file.refuse((key,), value, "true, false or the name of an initialization", True))


def read_layers(file: ArrivedFile, key: str) -> tuple[int, ...] | None:
    """Indices of blocks: one whole number or a list of them."""
    value = file.get(key)
    if value is None:
        return None
    items: list[Any] = value if isinstance(value, list) else [value]
    if any(isinstance(item, bool) or not isinstance(item, int) for item in items):
        file.refuse((key,), value, "indices of blocks, such as [0, 1]", None)
        return None
    return tuple(items)


def read_ranks(file: ArrivedFile, key: str) -> tuple[tuple[str, int], ...]:
    pairs = file.mapping(key).items()
    return tuple((text, file.as_whole((key, text), "null" if value is None else value, 1)) for text, value in pairs)


def read_alphas(file: ArrivedFile, key: str) -> tuple[tuple[str, float], ...]:
    pairs = file.mapping(key).items()
    return tuple((text, file.as_number((key, text), "null" if v is None else v, 1.0)) for text, v in pairs)


def check_layers(file: ArrivedFile, spec: AdapterSpec, keys: Any) -> None:
    """What peft refuses: layers beside a regular expression, a layers pattern without layers."""
    hint = f"choose the blocks in the regular expression, or write {keys['targets']} as a list"
    for name, value in (("layers", spec.layers), ("layers_pattern", spec.layers_pattern or None)):
        if value is not None and isinstance(spec.targets, str):
            message = f"{keys[name]} cannot be used where {keys['targets']} is one text"
            file.findings.append(Finding((keys[name],), message, hint))
    if spec.layers_pattern and spec.layers is None and not isinstance(spec.targets, str):
        message = f"{keys['layers_pattern']} needs {keys['layers']} beside it"
        file.findings.append(Finding((keys["layers_pattern"],), message, f"add {keys['layers']}, or take it out"))
