"""Tiny random models of every family, and of the variants that change what their blocks hold."""

from pathlib import Path
from typing import Any

_SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "vocab_size": 50,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_GROUPED: dict[str, Any] = {"num_key_value_heads": 2}
# name: (model_type, what its config sets); the plain name of a family is its usual form
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {**_GROUPED, "tie_word_embeddings": True}),
    "llama-biases-wide-heads": ("llama", {"attention_bias": True, "mlp_bias": True, "head_dim": 16}),
    "mistral": ("mistral", _GROUPED),
    "mistral-narrow-heads": ("mistral", {**_GROUPED, "head_dim": 4}),
    "qwen2": ("qwen2", _GROUPED),
    "qwen3": ("qwen3", {**_GROUPED, "head_dim": 16}),
    "gemma2": ("gemma2", {**_GROUPED, "head_dim": 16, "query_pre_attn_scalar": 16}),
    "phi3": ("phi3", _GROUPED),
    "gpt_neox": ("gpt_neox", {}),
    "gpt_neox-sequential-no-bias": ("gpt_neox", {"use_parallel_residual": False, "attention_bias": False}),
    "opt": ("opt", {"ffn_dim": 48, "word_embed_proj_dim": 32, "max_position_embeddings": 64}),
    "opt-projected-post-norm": (
        "opt",
        {"ffn_dim": 48, "word_embed_proj_dim": 16, "do_layer_norm_before": False, "max_position_embeddings": 64},
    ),
    "opt-no-final-norm-no-bias": (
        "opt",
        {
            "ffn_dim": 48,
            "word_embed_proj_dim": 32,
            "max_position_embeddings": 64,
            "_remove_final_layer_norm": True,
            "enable_bias": False,
        },
    ),
    "falcon": ("falcon", {"new_decoder_architecture": True, "num_kv_heads": 2}),
    "falcon-one-norm": (
        "falcon",
        {"new_decoder_architecture": True, "num_kv_heads": 2, "num_ln_in_parallel_attn": 1, "ffn_hidden_size": 48},
    ),
    "falcon-multi-query-biases": ("falcon", {"multi_query": True, "bias": True}),
    "falcon-sequential-alibi": ("falcon", {"multi_query": False, "parallel_attn": False, "alibi": True}),
    "bloom": ("bloom", {}),
    "stablelm": ("stablelm", _GROUPED),
    "stablelm-qk-norms-parallel": (
        "stablelm",
        {**_GROUPED, "qk_layernorm": True, "use_parallel_residual": True, "use_qkv_bias": True},
    ),
    "olmo2": ("olmo2", _GROUPED),
}


def save_random(name: str, folder: Path, auto_class: str = "AutoModelForCausalLM", **sizes: Any) -> Path:
    """Saves a random model of that variant from `AutoModelForCausalLM` or, without its head, from `AutoModel`."""
    import torch
    import transformers

    model_type, options = VARIANTS[name]
    config = transformers.AutoConfig.for_model(model_type, **{**_SIZES, **options, **sizes})
    torch.manual_seed(0)
    getattr(transformers, auto_class).from_config(config).save_pretrained(folder)
    return folder
