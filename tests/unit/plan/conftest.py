"""Tiny random models of each family, saved by transformers, and an empty home."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.plan.support import write_llama
from workbench.plan.model_map import ModelMap, load_map
from workbench.run.layout import Home

_SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "vocab_size": 50,
}
FAMILY_OPTIONS = {
    "llama": {"num_key_value_heads": 2, "tie_word_embeddings": True},
    "mistral": {"num_key_value_heads": 2},
    "qwen2": {"num_key_value_heads": 2},
    "qwen3": {"num_key_value_heads": 2, "head_dim": 16},
    "gpt_neox": {},
}


@pytest.fixture(scope="session")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """Saves a random model of a family from `AutoModelForCausalLM` or `AutoModel`, once a session."""
    import torch
    import transformers

    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("models")

    def save(family: str, auto_class: str = "AutoModelForCausalLM") -> Path:
        folder = root / f"{family}-{auto_class}"
        if not folder.exists():
            config = transformers.AutoConfig.for_model(family, **_SIZES, **FAMILY_OPTIONS[family])
            torch.manual_seed(0)
            getattr(transformers, auto_class).from_config(config).save_pretrained(folder)
        return folder

    return save


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama folder of 4 blocks: hidden 16, k and v 8, MLP 24."""
    return write_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="session")
def llama_map(llama: Path) -> ModelMap:
    return load_map(llama)
