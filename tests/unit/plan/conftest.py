"""Tiny random models of each family, saved by transformers, and an empty home."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.families import save_random
from tests.unit.plan.support import write_llama
from workbench.plan.model_map import ModelMap, load_map
from workbench.run.layout import Home


@pytest.fixture(scope="session")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """The folder of a random model of a family or variant, saved once a session."""
    import torch

    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("models")

    def save(name: str, auto_class: str = "AutoModelForCausalLM") -> Path:
        folder = root / f"{name}-{auto_class}"
        return folder if folder.exists() else save_random(name, folder, auto_class)

    return save


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama folder of 4 blocks: hidden 16, k and v 8, MLP 24. It was written long ago: its map stays the same one."""
    folder = write_llama(tmp_path_factory.mktemp("llama"))
    long_ago = time.time() - 60
    for path in (*folder.iterdir(), folder):
        os.utime(path, (long_ago, long_ago))
    return folder


@pytest.fixture(scope="session")
def llama_map(llama: Path) -> ModelMap:
    return load_map(llama)
