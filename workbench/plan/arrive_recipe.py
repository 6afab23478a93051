"""The training keys of an axolotl or LLaMA-Factory YAML as a recipe: what they say, and what the tools take silently.

Sources: axolotl's `utils/schemas/training.py` and trainer builder, LLaMA-Factory's `hparams/data_args.py`, and
transformers' `TrainingArguments`, whose defaults both inherit.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from workbench.plan.arrive_data import axolotl_data, llama_factory_data
from workbench.plan.arrive_file import ArrivedFile
from workbench.plan.arrive_peft import set_keys
from workbench.plan.arrive_spec import LeftOut
from workbench.run.recipe import OPTIMIZERS, SCHEDULES

_SAME_OPTIMIZER = {
    **dict.fromkeys(("adamw_torch", "adamw_torch_fused", "adamw_hf"), "adamw"),
    "adamw_bnb_8bit": "adamw_8bit",
    "paged_adamw": "paged_adamw_32bit",
}
_PLAIN = re.compile(r"[A-Za-z/][\w./-]*")
_WORDS_OF_YAML = ("null", "true", "false", "yes", "no", "on", "off")
_TARGET_ONLY = "the loss counts target tokens only"
_NOT_PACKED = "examples are padded, not packed"
_OWN_TEMPLATE = "chats are written with the tokenizer's own template"
_NOT_HERE = "not in a recipe of this version"
_LEFT_OUT = {
    "train_on_inputs": _TARGET_ONLY,
    "train_on_prompt": _TARGET_ONLY,
    "mask_history": "all turns of the assistant are targets",
    "sample_packing": _NOT_PACKED,
    "packing": _NOT_PACKED,
    "neat_packing": _NOT_PACKED,
    "chat_template": _OWN_TEMPLATE,
    "template": _OWN_TEMPLATE,
    "rl": "only supervised fine-tuning",
    "seed": "a run has the seed, not the recipe: workbench run --seed",
    "max_samples": "all examples of the data are used",
    **dict.fromkeys(
        (
            "neftune_noise_alpha",
            "noisy_embedding_alpha",
            "label_smoothing_factor",
            "early_stopping_patience",
            "cosine_min_lr_ratio",
            "lr_scheduler_kwargs",
            "adam_beta1",
            "adam_beta2",
            "adam_epsilon",
            "embedding_lr",
            "evals_per_epoch",
            "curriculum_sampling",
        ),
        _NOT_HERE,
    ),
}


@dataclass(frozen=True, slots=True)
class Tool:
    """Where a tool keeps what, and what it takes where a file does not say."""

    name: str
    batch: tuple[str, int]
    epochs: tuple[str, float]
    length: tuple[str, int]
    schedule: tuple[str, str]
    optimizer: str
    held_out: str
    lr: float | None
    warmup: float


AXOLOTL = Tool(
    "axolotl",
    ("micro_batch_size", 1),
    ("num_epochs", 1.0),
    ("sequence_len", 512),
    ("lr_scheduler", "cosine"),
    "optimizer",
    "val_set_size",
    None,
    0.03,
)
LLAMA_FACTORY = Tool(
    "LLaMA-Factory",
    ("per_device_train_batch_size", 8),
    ("num_train_epochs", 3.0),
    ("cutoff_len", 2048),
    ("lr_scheduler_type", "linear"),
    "optim",
    "val_size",
    5e-5,
    0.0,
)


@dataclass(slots=True)
class Draft:
    """A recipe in the making: values with the key that each comes from, and what has no counterpart."""

    tool: Tool
    file: ArrivedFile
    values: dict[str, tuple[Any, str]] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)

    def put(self, recipe_key: str, value: Any, *keys: str) -> None:
        """Sets a key of the recipe; its comment names the file's key, or says that it is the tool's default."""
        said = [key for key in keys if self.file.get(key) is not None]
        self.values[recipe_key] = (value, said[0] if said else f"{self.tool.name}'s default for {keys[0]}")

    def text(self) -> str:
        """The recipe file, each value with where it comes from."""
        title = f"# from {self.file.name} ({self.tool.name})\n"
        lines = (f"{key}: {_written(value)}  # {comment}\n" for key, (value, comment) in self.values.items())
        return title + "".join(lines)


def draft_axolotl(file: ArrivedFile) -> Draft:
    """The recipe of an axolotl YAML; what does not fit is among the file's findings."""
    draft = Draft(AXOLOTL, file)
    draft.values.update((key, (value, comment)) for key, value, comment in axolotl_data(file, draft.left_out))
    _common(draft)
    total = file.whole("batch_size", 0)
    if total and file.get("gradient_accumulation_steps") is None:
        draft.put("accumulation", max(1, total // file.whole("micro_batch_size", 1)), "batch_size")
    draft.put("gradient_checkpointing", bool(file.get("gradient_checkpointing")), "gradient_checkpointing")
    low = next((key for key in ("bf16", "bfloat16", "fp16", "float16") if file.get(key) not in (None, False)), None)
    _dtype(draft, low, otherwise="fp32")
    return draft


def draft_llama_factory(file: ArrivedFile) -> Draft:
    """The recipe of a LLaMA-Factory YAML; what does not fit is among the file's findings."""
    draft = Draft(LLAMA_FACTORY, file)
    draft.values.update((key, (value, comment)) for key, value, comment in llama_factory_data(file, draft.left_out))
    _common(draft)
    if (stage := file.text("stage")) not in (None, "sft"):
        draft.left_out.append(LeftOut("stage", str(stage), "only supervised fine-tuning"))
    off = file.flag("disable_gradient_checkpointing")
    draft.put("gradient_checkpointing", not off, "disable_gradient_checkpointing")
    low = next((key for key in ("bf16", "pure_bf16", "fp16") if file.flag(key)), None)
    _dtype(draft, low, otherwise="auto")
    return draft


def _common(draft: Draft) -> None:
    file, tool = draft.file, draft.tool
    draft.put("max_length", file.whole(*tool.length, least=2), tool.length[0])
    _duration(draft)
    draft.put("batch", file.whole(*tool.batch), tool.batch[0])
    draft.put("accumulation", file.whole("gradient_accumulation_steps", 1), "gradient_accumulation_steps")
    if tool.lr is None and file.get("learning_rate") is None:
        file.refuse(("learning_rate",), None, "a number above 0", None)
    draft.put("lr", file.number("learning_rate", tool.lr or 1.0), "learning_rate")
    _schedule(draft)
    _optimizer(draft)
    draft.put("clip", file.number("max_grad_norm", 1.0, or_equal=True), "max_grad_norm")
    draft.put("weight_decay", file.number("weight_decay", 0.0, or_equal=True), "weight_decay")
    _evaluation(draft)
    draft.left_out += set_keys(file, _LEFT_OUT)


def _duration(draft: Draft) -> None:
    steps = draft.file.whole("max_steps", -1, least=-1)
    if steps > 0:
        draft.put("steps", steps, "max_steps")
    else:
        draft.put("epochs", draft.file.number(*draft.tool.epochs), draft.tool.epochs[0])


def _schedule(draft: Draft) -> None:
    key, default = draft.tool.schedule
    name = draft.file.text(key) or default
    if name in SCHEDULES:
        draft.put("schedule", name, key)
    else:
        reason = f"not among {', '.join(SCHEDULES)}: constant_with_warmup is written instead"
        draft.left_out.append(LeftOut(key, name, reason))
        draft.put("schedule", "constant_with_warmup", key)
    steps = draft.file.number("warmup_steps", 0.0, or_equal=True)  # transformers 5 reads a share below 1 here too
    if steps or draft.file.get("warmup_ratio") is None:
        default_warmup = draft.tool.warmup if draft.file.get("warmup_steps") is None else steps
        draft.put("warmup", default_warmup, "warmup_steps")
    else:
        draft.put("warmup", draft.file.number("warmup_ratio", 0.0, or_equal=True), "warmup_ratio")


def _optimizer(draft: Draft) -> None:
    key = draft.tool.optimizer
    name = draft.file.text(key) or "adamw_torch_fused"
    same = name if name in OPTIMIZERS else _SAME_OPTIMIZER.get(name)
    if same is None:
        reason = f"not among {', '.join(OPTIMIZERS)}: adamw is written instead"
        draft.left_out.append(LeftOut(key, name, reason))
    draft.put("optimizer", same or "adamw", key)


def _evaluation(draft: Draft) -> None:
    """A held-out share becomes the split; a number of examples does not, and runs always evaluate."""
    key = draft.tool.held_out
    share = draft.file.number(key, 0.0, or_equal=True)
    if "eval_data" not in draft.values:
        if 0 < share < 1:
            draft.put("split", {"fraction": share, "seed": 0}, key)
        else:
            reason = "a run always evaluates, on a share of the examples: a tenth is held out"
            draft.left_out.append(LeftOut(key, f"{share:g}", reason))
    every = draft.file.number("eval_steps", 0.0, or_equal=True)
    if every >= 1:
        draft.put("eval_every", int(every), "eval_steps")
    elif every:
        draft.left_out.append(LeftOut("eval_steps", f"{every:g}", "eval_every counts steps, it is no share of them"))


def _dtype(draft: Draft, low: str | None, otherwise: str) -> None:
    if low is None:
        draft.put("compute_dtype", otherwise, "bf16")
    elif low in ("fp16", "float16"):
        draft.left_out.append(LeftOut(low, "true", "computing is in bf16 or fp32: auto is written instead"))
        draft.put("compute_dtype", "auto", low)
    else:
        draft.put("compute_dtype", "auto" if draft.file.get(low) == "auto" else "bf16", low)


def _written(value: Any) -> str:
    """The value as YAML: plain words and whole numbers as such, everything else as JSON."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    plain = isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS_OF_YAML
    return str(value) if plain else json.dumps(value, ensure_ascii=False)


def unread_keys(file: ArrivedFile) -> Iterator[str]:
    """Keys that the file sets and that nothing here has asked for: logging, saving, hardware, or unknown."""
    for key, value in file.data.items():
        if key not in file.read and value not in (None, False, "", [], {}):
            yield str(key)
