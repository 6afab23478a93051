"""Reads the adapter keys of an axolotl YAML; its training keys are the recipe's (arrive_recipe.py).

Source: axolotl's `utils/schemas/peft.py` and `loaders/adapter.py`.
"""

from collections.abc import Mapping

from workbench.plan.arrive_file import ArrivedFile
from workbench.plan.arrive_peft import (
    check_layers,
    names_or_pattern,
    read_alphas,
    read_dropout,
    read_init,
    read_layers,
    read_ranks,
    set_keys,
)
from workbench.plan.arrive_spec import AdapterSpec, Arriving, LeftOut
from workbench.plan.findings import Finding

SIGNS = (
    "base_model",
    "adapter",
    "lora_r",
    "lora_target_modules",
    "lora_target_linear",
    "micro_batch_size",
    "sequence_len",
    "num_epochs",
    "datasets",
    "val_set_size",
    "load_in_4bit",
)
_STAYS_FROZEN = "everything but the adapters of sites stays frozen here"
_SAME_TOKENIZER = "the tokenizer stays as it is"
_LEFT_OUT = {
    "lora_model_dir": "a plan starts new adapters from the base model",
    "lora_target_parameters": "sites are linear layers, not single parameters",
    "peft_layer_replication": "a plan adapts the blocks that a model has, it makes no new ones",
    "peft_trainable_token_indices": f"embeddings are no sites: {_STAYS_FROZEN}",
    "unfrozen_parameters": _STAYS_FROZEN,
    "relora": "adapters are not merged and restarted while training",
    "loraplus_lr_ratio": "A and B have one learning rate",
    "gptq": "GPTQ weights are not a base format of this version",
    "special_tokens": _SAME_TOKENIZER,
    "tokens": _SAME_TOKENIZER,
}
INT8_THRESHOLD = 6.0  # llm_int8_threshold of transformers, where nobody sets it


def read_axolotl(file: ArrivedFile) -> Arriving:
    """The specification of an axolotl YAML whose adapter is lora or qlora."""
    adapter = file.text("adapter")
    if adapter not in ("lora", "qlora"):
        _refuse_adapter(file, adapter)
    keys = _keys(file)
    spec = AdapterSpec(
        targets=_targets(file),
        linear=file.flag("lora_target_linear"),
        r=file.whole(_needed(file, "lora_r"), 1),
        alpha=file.number(_needed(file, "lora_alpha"), 1.0),
        dropout=read_dropout(file, "lora_dropout"),
        rslora=file.flag("peft_use_rslora"),
        dora=file.flag("peft_use_dora"),
        init=_init(file),
        exclude=names_or_pattern(file, "lora_exclude_modules") or (),
        layers=read_layers(file, keys["layers"]),
        layers_pattern=file.texts("peft_layers_pattern"),
        ranks=read_ranks(file, "lora_rank_pattern"),
        alphas=read_alphas(file, "lora_alpha_pattern"),
        saved=file.texts("lora_modules_to_save"),
    )
    check_layers(file, spec, keys)
    base, base_keys, left_out = _base(file, adapter)
    return Arriving(
        spec,
        keys,
        model=file.text("base_model"),
        base=base,
        base_keys=base_keys,
        left_out=(*set_keys(file, _LEFT_OUT), *left_out),
    )


def _refuse_adapter(file: ArrivedFile, adapter: str | None) -> None:
    if adapter is None:
        message = "no adapter: axolotl would train all parameters"
        file.findings.append(Finding((), message, "add `adapter: qlora` or `adapter: lora`, lora_r and lora_alpha"))
    else:
        file.refuse(("adapter",), adapter, "lora or qlora: a plan has no rules for other kinds of adapters", None)


def _keys(file: ArrivedFile) -> Mapping[str, str]:
    linear_only = file.get("lora_target_modules") is None
    return {
        "targets": "lora_target_linear" if linear_only and file.flag("lora_target_linear") else "lora_target_modules",
        "r": "lora_r",
        "alpha": "lora_alpha",
        "dropout": "lora_dropout",
        "rslora": "peft_use_rslora",
        "dora": "peft_use_dora",
        "init": "peft_init_lora_weights",
        "exclude": "lora_exclude_modules",
        "layers": file.present("peft_layers_to_transform", "lora_layers_to_transform"),
        "layers_pattern": "peft_layers_pattern",
        "ranks": "lora_rank_pattern",
        "alphas": "lora_alpha_pattern",
        "saved": "lora_modules_to_save",
    }


def _targets(file: ArrivedFile) -> str | tuple[str, ...]:
    """Beside `lora_target_linear`, axolotl puts a regular expression into a list, where it is a name."""
    named = names_or_pattern(file, "lora_target_modules")
    return (named,) if isinstance(named, str) and file.flag("lora_target_linear") else named


def _needed(file: ArrivedFile, key: str) -> str:
    if file.get(key) is None:
        file.findings.append(Finding((), f"the key '{key}' is missing", f"add a line such as `{key}: 16`"))
    return key


def _init(file: ArrivedFile) -> str | bool:
    loftq = (file.mapping("peft").get("loftq_config") or {}).get("loftq_bits")
    chosen = read_init(file, "peft_init_lora_weights")
    return "loftq" if loftq and chosen is True else chosen or True


def _base(file: ArrivedFile, adapter: str | None) -> tuple[str, dict[str, float | bool], tuple[LeftOut, ...]]:
    """The base format, its keys, and what of it has no counterpart.

    axolotl stores in 4 bits as bitsandbytes' nf4 with double quantization unless `bnb_config_kwargs` say otherwise.
    """
    own, bnb = file.mapping("peft"), file.mapping("bnb_config_kwargs")
    eight = file.flag("load_in_8bit") or own.get("weight_dtype") == "int8"
    four = file.flag("load_in_4bit") or adapter == "qlora" or own.get("weight_dtype") == "nf4"
    if four and not eight:
        double = bool(bnb.get("bnb_4bit_use_double_quant", True))
        return str(bnb.get("bnb_4bit_quant_type", "nf4")), {} if double else {"double_quant": False}, ()
    if eight:
        return "int8", {"threshold": float(bnb.get("llm_int8_threshold", INT8_THRESHOLD))}, ()
    if any(_wanted(file, key) for key in ("fp16", "float16")):
        reason = "fp16 is not a base format: the base is stored as bf16"
        return "bf16", {}, (LeftOut("fp16", "true", reason),)
    return "bf16" if any(_wanted(file, key) for key in ("bf16", "bfloat16")) else "fp32", {}, ()


def _wanted(file: ArrivedFile, key: str) -> bool:
    """Whether a 16-bit dtype is on; `auto` and `full` are other ways to say so."""
    return file.get(key) in ("auto", "full") or file.flag(key)
