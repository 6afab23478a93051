"""Bases of real shapes with random weights, and data long enough to fill their sequences: for figures on a GPU."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

import workbench.demo

DEMO = Path(workbench.demo.__file__).parent
_ROWS = 512
_PROMPT_TOKENS = 32  # the rest are targets, so that nearly all logits are needed, as the estimate of memory has it


@dataclass(frozen=True, slots=True)
class Shape:
    """A Llama's sizes. `mlp` is its intermediate size, `kv_heads` those of keys and values."""

    hidden: int
    mlp: int
    blocks: int
    heads: int
    kv_heads: int
    vocabulary: int = 128_256
    tied: bool = False

    @property
    def linear_params(self) -> int:
        """The weights of all linear layers in the blocks."""
        keys = self.hidden // self.heads * self.kv_heads
        return self.blocks * (2 * self.hidden**2 + 2 * self.hidden * keys + 3 * self.hidden * self.mlp)


# Llama 3.2 1B and Llama 3.1 8B, by their published configurations.
SHAPES = {
    "1B": Shape(2048, 8192, 16, 32, 8, tied=True),
    "8B": Shape(4096, 14336, 32, 32, 8),
}


def make_model(folder: Path, shape: Shape) -> Path:
    """A checkpoint in bf16 with normal weights, drawn on the GPU where there is one, and the demo base's tokenizer."""
    config = LlamaConfig(
        hidden_size=shape.hidden,
        intermediate_size=shape.mlp,
        num_hidden_layers=shape.blocks,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        vocab_size=shape.vocabulary,
        max_position_embeddings=4096,
        tie_word_embeddings=shape.tied,
        architectures=["LlamaForCausalLM"],
        dtype="bfloat16",
    )
    folder.mkdir(parents=True, exist_ok=True)
    config.save_pretrained(folder)
    AutoTokenizer.from_pretrained(DEMO / "base").save_pretrained(folder)
    save_file(dict(_weights(config)), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def _weights(config: LlamaConfig) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor of the checkpoint: norms of one, the rest normal with the configuration's own deviation."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator = torch.Generator(device).manual_seed(1)
    with torch.device("meta"):
        empty = LlamaForCausalLM(config).state_dict()
    for name, tensor in empty.items():
        if config.tie_word_embeddings and name == "lm_head.weight":
            continue
        drawn = torch.empty(tensor.shape, dtype=torch.bfloat16, device=device)
        if tensor.dim() == 1:
            yield name, drawn.fill_(1.0).cpu()
        else:
            yield name, drawn.normal_(std=config.initializer_range, generator=generator).cpu()


def make_data(path: Path, tokens: int) -> Path:
    """Examples of more than `tokens` tokens each from the lines of the demo's data, all but a short prompt a target."""
    tokenizer = AutoTokenizer.from_pretrained(DEMO / "base")
    lines = (DEMO / "data" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [line["prompt"] + line["completion"] for line in map(json.loads, lines)]
    per_text = sum(len(tokenizer(text)["input_ids"]) for text in texts[:50]) / 50
    together = int(1.3 * tokens / per_text) + 1
    rows = []
    for number in range(_ROWS):
        start = number * 7 % len(texts)
        text = " ".join((texts * 2)[start : start + together])
        cut = int(_PROMPT_TOKENS / tokens * len(text))
        rows.append({"prompt": text[:cut], "completion": text[cut:]})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def flops_per_token(shape: Shape, length: int, adapter_params: int) -> float:
    """Floating-point operations of one trained token: forward, backward through activations, adapters.

    The frozen weights have no gradient. P weights of the blocks, H of the head; attention as 2hsL and 5hsL with the
    causal half counted.
    """
    head, attention = shape.hidden * shape.vocabulary, shape.hidden * length * shape.blocks
    return 4 * shape.linear_params + 4 * head + 7 * attention + 6 * adapter_params
