"""Reads the adapter keys of a LLaMA-Factory YAML; its training keys are the recipe's (arrive_recipe.py).

Source: LLaMA-Factory's `hparams/finetuning_args.py`, `hparams/model_args.py` and `model/adapter.py`.
"""

from collections.abc import Mapping

from workbench.plan.arrive_axolotl import INT8_THRESHOLD
from workbench.plan.arrive_file import ArrivedFile
from workbench.plan.arrive_peft import read_dropout, set_keys
from workbench.plan.arrive_spec import STORED, AdapterSpec, Arriving, LeftOut

SIGNS = (
    "model_name_or_path",
    "finetuning_type",
    "lora_rank",
    "lora_target",
    "stage",
    "template",
    "cutoff_len",
    "dataset",
    "per_device_train_batch_size",
    "quantization_bit",
)
ALL = "all"
KEYS: Mapping[str, str] = {
    "targets": "lora_target",
    "r": "lora_rank",
    "alpha": "lora_alpha",
    "dropout": "lora_dropout",
    "rslora": "use_rslora",
    "dora": "use_dora",
    "init": "pissa_init",
    "saved": "additional_target",
    "exclude": "exclude_modules",
    "layers": "layers_to_transform",
    "layers_pattern": "layers_pattern",
    "ranks": "rank_pattern",
    "alphas": "alpha_pattern",
}
_LEFT_OUT = {
    "adapter_name_or_path": "a plan starts new adapters from the base model",
    "use_llama_pro": "a plan adapts the blocks that a model has, it makes no new ones",
    "loraplus_lr_ratio": "A and B have one learning rate",
    "resize_vocab": "embeddings are no sites: everything but the adapters of sites stays frozen here",
    "use_galore": "this optimizer is not in this version",
    "use_apollo": "this optimizer is not in this version",
    "use_badam": "this optimizer is not in this version",
    "freeze_trainable_layers": "everything but the adapters of sites stays frozen here",
}


def read_llama_factory(file: ArrivedFile) -> Arriving:
    """The specification of a LLaMA-Factory YAML whose finetuning_type is lora, its default."""
    kind = file.text("finetuning_type")
    if kind not in (None, "lora"):
        file.refuse(("finetuning_type",), kind, "lora: a plan has no rules for other kinds of training", None)
    targets = _targets(file)
    r = file.whole("lora_rank", 8)
    spec = AdapterSpec(
        targets=() if targets == (ALL,) else targets,
        linear=targets == (ALL,),
        r=r,
        alpha=file.number("lora_alpha", 2.0 * r),
        dropout=read_dropout(file, "lora_dropout"),
        rslora=file.flag("use_rslora"),
        dora=file.flag("use_dora"),
        init=_init(file),
        saved=_parts(file, "additional_target"),
    )
    base, base_keys, left_out = _base(file)
    return Arriving(
        spec,
        KEYS,
        model=file.text("model_name_or_path"),
        base=base,
        base_keys=base_keys,
        left_out=(*set_keys(file, _LEFT_OUT), *left_out),
    )


def _targets(file: ArrivedFile) -> tuple[str, ...]:
    return _parts(file, "lora_target") or (ALL,)


def _parts(file: ArrivedFile, key: str) -> tuple[str, ...]:
    """Names with commas between them, or a list."""
    return tuple(part.strip() for text in file.texts(key) for part in text.split(",") if part.strip())


def _init(file: ArrivedFile) -> str | bool:
    steps = file.whole("pissa_iter", 16, least=-1)
    if not file.flag("pissa_init"):
        return True
    return "pissa" if steps == -1 else f"pissa_niter_{steps}"


def _base(file: ArrivedFile) -> tuple[str, dict[str, float | bool], tuple[LeftOut, ...]]:
    """The base format, its keys, and what of it has no counterpart; 4 bits are nf4 with double quantization."""
    bits = file.whole("quantization_bit", 16)
    method = file.text("quantization_method") or "bnb"
    kind, double = file.text("quantization_type") or "nf4", file.flag("double_quantization", True)
    if bits in (4, 8) and method not in ("bnb", "bitsandbytes"):
        reason = "not a way of quantizing in this version: bitsandbytes' formats are used"
        left_out: tuple[LeftOut, ...] = (LeftOut("quantization_method", method, reason),)
    else:
        left_out = ()
    if bits == 4:
        return kind, {} if double else {"double_quant": False}, left_out
    if bits == 8:
        return "int8", {"threshold": INT8_THRESHOLD}, left_out
    if bits != 16:
        file.refuse(("quantization_bit",), bits, "4 or 8", None)
    if file.flag("fp16"):
        return "bf16", {}, (LeftOut("fp16", "true", "fp16 is not a base format: the base is stored as bf16"),)
    return "bf16" if file.flag("bf16") or file.flag("pure_bf16") else STORED, {}, ()
