"""How each model family names its parts. A new family is a new entry."""

from dataclasses import dataclass, field
from typing import Literal

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
    """The layout of a loaded `AutoModelForCausalLM` (transformers 5), and of its checkpoints.

    `base` prefixes every part but the head; `heads` are the names that the head has on disk, the loaded one first.
    `block_norms` are paths below a block, `*` in them a number; `block_path`, `embeddings`, `final_norm` and `outside`
    (other parts with weights, and why they are no sites) are below the base. Variants have some of the norms and
    outside parts only: which, the checkpoint says. `tied` is the class default, which configs may leave out;
    `config_names` are other names of config values. `norm` and `attention` tell the memory estimate what backward
    keeps: `sdpa` keeps no attention matrix, `expanded` neither but repeats keys and values for every head, `eager`
    keeps the softmax, and `softcapped` also the scores before it; `partly_rotated` attention puts its heads together
    anew, so that its output is copied for the module that reads it.
    """

    model_type: str
    base: str
    block_path: str
    embeddings: str
    final_norm: str
    modules: tuple[Module, ...]
    block_norms: tuple[str, ...]
    outside: dict[str, str] = field(default_factory=dict)
    heads: tuple[str, ...] = ("lm_head",)
    tied: bool = False
    config_names: dict[str, str] = field(default_factory=dict)
    norm: Literal["rms", "layer"] = "layer"
    attention: Literal["sdpa", "expanded", "eager", "softcapped"] = "sdpa"
    partly_rotated: bool = False

    @property
    def blocks(self) -> str:
        return f"{self.base}.{self.block_path}"

    @property
    def gated(self) -> bool:
        """Whether the MLP multiplies a gate with its input, and so keeps a third tensor for backward."""
        return any(module.short in ("gate", "gate_up") for module in self.modules)

    def loaded_name(self, stored: str) -> str:
        """The loaded model's name of a stored tensor: base-class checkpoints lack the prefix."""
        part, _, kind = stored.rpartition(".")
        if part in self.heads:
            return f"{self.heads[0]}.{kind}"
        return stored if stored.startswith(f"{self.base}.") else f"{self.base}.{stored}"


def _attention(*paths: tuple[str, str]) -> tuple[Module, ...]:
    """Modules that read the block's input, and last the one that reads the heads' outputs."""
    *projections, out = paths
    inputs = tuple(Module(path, short, "attention", "attention input") for short, path in projections)
    return (*inputs, Module(out[1], out[0], "attention", "attention heads"))


def _mlp(*paths: tuple[str, str]) -> tuple[Module, ...]:
    *projections, down = paths
    inputs = tuple(Module(path, short, "mlp", "mlp input") for short, path in projections)
    return (*inputs, Module(down[1], down[0], "mlp", "mlp hidden"))


_SPLIT = _attention(
    ("q", "self_attn.q_proj"), ("k", "self_attn.k_proj"), ("v", "self_attn.v_proj"), ("o", "self_attn.o_proj")
)
_GATED = _mlp(("gate", "mlp.gate_proj"), ("up", "mlp.up_proj"), ("down", "mlp.down_proj"))
_NEOX_MLP = _mlp(("up", "mlp.dense_h_to_4h"), ("down", "mlp.dense_4h_to_h"))
_FALCON = (
    *_attention(("qkv", "self_attention.query_key_value"), ("o", "self_attention.dense")),
    *_NEOX_MLP,
)
_NORMS = ("input_layernorm", "post_attention_layernorm")
_QK_NORMS = ("self_attn.q_norm", "self_attn.k_norm")
_LOOKUP = "embeddings look rows up, they are not a linear layer"
_OUTSIDE = "outside the blocks: only layers inside them carry adapters"
_NORM = "a norm has no weight matrix"


def _like_llama(
    model_type: str,
    modules: tuple[Module, ...] = (*_SPLIT, *_GATED),
    norms: tuple[str, ...] = _NORMS,
    tied: bool = False,
    norm: Literal["rms", "layer"] = "rms",
    attention: Literal["sdpa", "softcapped"] = "sdpa",
    partly_rotated: bool = False,
) -> Family:
    return Family(
        model_type=model_type,
        base="model",
        block_path="layers",
        embeddings="embed_tokens",
        final_norm="norm",
        modules=modules,
        block_norms=norms,
        tied=tied,
        norm=norm,
        attention=attention,
        partly_rotated=partly_rotated,
    )


FAMILIES: dict[str, Family] = {
    family.model_type: family
    for family in (
        _like_llama("llama"),
        _like_llama("mistral"),
        _like_llama("qwen2"),
        _like_llama("qwen3", norms=(*_NORMS, *_QK_NORMS)),
        _like_llama(
            "gemma2",
            norms=(*_NORMS, "pre_feedforward_layernorm", "post_feedforward_layernorm"),
            tied=True,
            attention="softcapped",
        ),
        _like_llama(
            "phi3",
            (
                *_attention(("qkv", "self_attn.qkv_proj"), ("o", "self_attn.o_proj")),
                *_mlp(("gate_up", "mlp.gate_up_proj"), ("down", "mlp.down_proj")),
            ),
            partly_rotated=True,
        ),
        _like_llama(
            "stablelm",
            norms=(*_NORMS, "self_attn.q_layernorm.norms.*", "self_attn.k_layernorm.norms.*"),
            norm="layer",
            partly_rotated=True,
        ),
        _like_llama("olmo2", norms=("post_attention_layernorm", "post_feedforward_layernorm", *_QK_NORMS)),
        Family(
            "gpt_neox",
            "gpt_neox",
            "layers",
            "embed_in",
            "final_layer_norm",
            (*_attention(("qkv", "attention.query_key_value"), ("o", "attention.dense")), *_NEOX_MLP),
            _NORMS,
            # transformers 5 loads the head as lm_head and saves it under its older name
            heads=("lm_head", "embed_out"),
            partly_rotated=True,
        ),
        Family(
            "opt",
            "model",
            "decoder.layers",
            "decoder.embed_tokens",
            "decoder.final_layer_norm",
            (
                *_attention(
                    ("q", "self_attn.q_proj"),
                    ("k", "self_attn.k_proj"),
                    ("v", "self_attn.v_proj"),
                    ("o", "self_attn.out_proj"),
                ),
                *_mlp(("up", "fc1"), ("down", "fc2")),
            ),
            ("self_attn_layer_norm", "final_layer_norm"),
            outside={
                "decoder.embed_positions": _LOOKUP,
                "decoder.project_in": _OUTSIDE,
                "decoder.project_out": _OUTSIDE,
            },
            tied=True,
        ),
        Family(
            "falcon",
            "transformer",
            "h",
            "word_embeddings",
            "ln_f",
            _FALCON,
            (*_NORMS, "ln_attn", "ln_mlp"),
            tied=True,
            config_names={"hidden_size": "n_embed"},
            attention="expanded",
        ),
        Family(
            "bloom",
            "transformer",
            "h",
            "word_embeddings",
            "ln_f",
            _FALCON,
            _NORMS,
            outside={"word_embeddings_layernorm": _NORM},
            tied=True,
            config_names={"hidden_size": "n_embed", "num_hidden_layers": "n_layer", "num_attention_heads": "n_head"},
            attention="eager",
        ),
    )
}

# every word that can name a module in some family; which of them a model has is known with its map
MODULE_WORDS: tuple[str, ...] = tuple(
    dict.fromkeys(word for family in FAMILIES.values() for m in family.modules for word in (m.short, m.name))
)
