"""Models whose linear layers cannot carry adapters here: which kind each is, and the way out."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from workbench.errors import InvalidError
from workbench.plan.config import Config
from workbench.plan.families import FAMILIES

_CONV1D_TYPES = ("gpt2", "openai-gpt", "imagegpt")
_EXPERT_COUNTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
# what AutoGPTQ and AutoAWQ write beside a config that says nothing
QUANTIZED_FILES = {"quantize_config.json": "gptq", "quant_config.json": "awq"}
# endings of tensor names that only quantized checkpoints have
_QUANTIZED_ENDINGS = {
    ".quant_state.bitsandbytes__nf4": "bitsandbytes nf4 4-bit",
    ".quant_state.bitsandbytes__fp4": "bitsandbytes fp4 4-bit",
    ".weight.absmax": "bitsandbytes 4-bit",
    ".SCB": "bitsandbytes 8-bit",
    ".g_idx": "gptq",
    ".qweight": "gptq or awq",
    ".weight_scale": "scaled weights, such as fp8",
    ".weight_scale_inv": "scaled weights, such as fp8",
}


def refuse_config(where: str, config: Config) -> None:
    """Raises InvalidError for quantized models, mixtures of experts and Conv1D layers, as far as the config tells."""
    if quantized := config.values.get("quantization_config"):
        raise _quantized(where, _method(quantized))
    counts = [config.values.get(key) for key in _EXPERT_COUNTS]
    if "moe" in config.model_type or any(isinstance(count, int) and count > 0 for count in counts):
        raise _experts(where, config.model_type)
    if config.model_type in _CONV1D_TYPES:
        raise InvalidError(
            f"{where}: a {config.model_type} model: its layers are Conv1D, which store the weight transposed",
            f"use a model whose layers are linear: {', '.join(FAMILIES)}",
        )


def refuse_files(where: str, names: Iterable[str]) -> None:
    """Raises InvalidError where a file beside the config says that the weights are quantized."""
    for name in names:
        if method := QUANTIZED_FILES.get(name):
            raise _quantized(where, f"{method}, says {name}")


def refuse_tensors(where: str, names: Iterable[str], config: Config) -> None:
    """Raises InvalidError for quantized tensors and experts that the config said nothing of."""
    listed = list(names)
    for ending, method in _QUANTIZED_ENDINGS.items():
        if found := next((name for name in listed if name.endswith(ending)), None):
            raise _quantized(where, f"{method}, says the tensor {found}")
    if expert := next((name for name in listed if "experts" in name.split(".")), None):
        raise _experts(where, f"{config.model_type}, tensor {expert}")


def files_beside(folder: Path) -> list[str]:
    """Which of QUANTIZED_FILES a folder holds."""
    return [name for name in QUANTIZED_FILES if (folder / name).is_file()]


def _quantized(where: str, method: str) -> InvalidError:
    hint = "use the unquantized original: the plan sets the base format"
    return InvalidError(f"{where}: already quantized ({method})", hint)


def _experts(where: str, what: str) -> InvalidError:
    return InvalidError(f"{where}: a mixture of experts ({what})", "use a dense model: experts are not sites")


def _method(quantized: Any) -> str:
    """The method as the config names it, with its bits: `gptq 4-bit`, `bitsandbytes nf4 4-bit`."""
    if not isinstance(quantized, dict):
        return str(quantized)
    bits = quantized.get("bits") or (4 if quantized.get("load_in_4bit") else 8 if quantized.get("load_in_8bit") else 0)
    method = quantized.get("quant_method") or ("bitsandbytes" if "load_in_4bit" in quantized else "unknown method")
    kind = f" {quantized.get('bnb_4bit_quant_type', '')}".rstrip() if quantized.get("load_in_4bit") else ""
    return f"{method}{kind}{f' {bits}-bit' if bits else ''}"
