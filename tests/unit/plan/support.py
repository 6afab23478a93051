"""Model folders written by hand, small enough to be made anew in every test, and plans over them."""

import json
import struct
from math import prod
from pathlib import Path
from typing import Any

from workbench.plan.check import PlanCheck
from workbench.plan.files import check_text
from workbench.plan.plan import Plan
from workbench.run.layout import Home

LLAMA_CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_hidden_layers": 4,
    "vocab_size": 10,
    "tie_word_embeddings": True,
}
_SHAPES = {
    "self_attn.q_proj": (16, 16),
    "self_attn.k_proj": (8, 16),
    "self_attn.v_proj": (8, 16),
    "self_attn.o_proj": (16, 16),
    "mlp.gate_proj": (24, 16),
    "mlp.up_proj": (24, 16),
    "mlp.down_proj": (16, 24),
}


def llama_tensors(blocks: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a Llama checkpoint with tied embeddings."""
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (10, 16), "model.norm.weight": (16,)}
    for block in range(blocks):
        shapes |= {f"model.layers.{block}.{path}.weight": shape for path, shape in _SHAPES.items()}
        for norm in ("input_layernorm", "post_attention_layernorm"):
            shapes[f"model.layers.{block}.{norm}.weight"] = (16,)
    return shapes


def write_safetensors(path: Path, shapes: dict[str, tuple[int, ...]], dtype: str = "F32", width: int = 4) -> None:
    """A safetensors file full of zeros."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, shape in shapes.items():
        size = prod(shape) * width
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    raw = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(offset))


def write_llama(folder: Path, blocks: int = 4, **config: Any) -> Path:
    """A Llama folder with tied embeddings; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_config(folder, {**LLAMA_CONFIG, "num_hidden_layers": blocks, **config})
    write_safetensors(folder / "model.safetensors", llama_tensors(blocks))
    return folder


def write_config(folder: Path, config: dict[str, Any]) -> None:
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def plan_text(model: Path, *rules: str, **more: Any) -> str:
    """A plan file; JSON values are YAML ones."""
    values = {"model": str(model), **more, "rules": list(rules)}
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in values.items())


def check_rules(home: Home, model: Path, *rules: str, **more: Any) -> PlanCheck:
    return check_text(plan_text(model, *rules, **more), Path("plan.yaml"), home)


def make_plan(home: Home, model: Path, *rules: str, **more: Any) -> Plan:
    """The plan of these rules, which must resolve."""
    check = check_rules(home, model, *rules, **more)
    assert check.plan is not None, check.errors
    return check.plan
