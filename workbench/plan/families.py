"""How each model family names its parts. A new family is a new entry."""

from dataclasses import dataclass

from workbench.plan.site import LayerType


@dataclass(frozen=True, slots=True)
class Module:
    """One kind of linear inside a block.

    `path` is its name below the block (`self_attn.q_proj`); modules with equal `reads` share one input tensor.
    """

    path: str
    short: str
    layer_type: LayerType
    reads: str

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Family:
    """The layout of a loaded `AutoModelForCausalLM`, and of its checkpoints.

    `base` prefixes every part but the head; `heads` are the names that the head has on disk, the loaded one first;
    `block_norms` are paths below a block, `embeddings` and `final_norm` below the base.
    """

    model_type: str
    base: str
    embeddings: str
    final_norm: str
    heads: tuple[str, ...]
    modules: tuple[Module, ...]
    block_norms: tuple[str, ...]

    @property
    def blocks(self) -> str:
        return f"{self.base}.layers"

    @property
    def gated(self) -> bool:
        """Whether the MLP multiplies a gate with its input, and so keeps a third tensor for backward."""
        return any(module.short == "gate" for module in self.modules)

    def loaded_name(self, stored: str) -> str:
        """The loaded model's name of a stored tensor: base-class checkpoints lack the prefix."""
        part, _, kind = stored.rpartition(".")
        if part in self.heads:
            return f"{self.heads[0]}.{kind}"
        return stored if stored.startswith(f"{self.base}.") else f"{self.base}.{stored}"


_LLAMA_MODULES = (
    Module("self_attn.q_proj", "q", "attention", "attention input"),
    Module("self_attn.k_proj", "k", "attention", "attention input"),
    Module("self_attn.v_proj", "v", "attention", "attention input"),
    Module("self_attn.o_proj", "o", "attention", "attention heads"),
    Module("mlp.gate_proj", "gate", "mlp", "mlp input"),
    Module("mlp.up_proj", "up", "mlp", "mlp input"),
    Module("mlp.down_proj", "down", "mlp", "mlp hidden"),
)
_NEOX_MODULES = (
    Module("attention.query_key_value", "qkv", "attention", "attention input"),
    Module("attention.dense", "o", "attention", "attention heads"),
    Module("mlp.dense_h_to_4h", "up", "mlp", "mlp input"),
    Module("mlp.dense_4h_to_h", "down", "mlp", "mlp hidden"),
)
_NORMS = ("input_layernorm", "post_attention_layernorm")


def _like_llama(model_type: str, *more_norms: str) -> Family:
    return Family(model_type, "model", "embed_tokens", "norm", ("lm_head",), _LLAMA_MODULES, (*_NORMS, *more_norms))


FAMILIES: dict[str, Family] = {
    family.model_type: family
    for family in (
        _like_llama("llama"),
        _like_llama("mistral"),
        _like_llama("qwen2"),
        _like_llama("qwen3", "self_attn.q_norm", "self_attn.k_norm"),
        # transformers 5 loads the head as lm_head and saves it under its older name
        Family("gpt_neox", "gpt_neox", "embed_in", "final_layer_norm", ("lm_head", "embed_out"), _NEOX_MODULES, _NORMS),
    )
}

# every word that can name a module in some family; which of them a model has is known with its map
MODULE_WORDS: tuple[str, ...] = tuple(
    dict.fromkeys(word for family in FAMILIES.values() for m in family.modules for word in (m.short, m.name))
)
