"""What loading a base says about it, and what it switches off."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModel

from tests.train.support import BASE, demo_sites, load, make_record
from workbench.errors import InvalidError, NotFoundError
from workbench.train.base import pick_compute_dtype
from workbench.train.tokenizer import load_tokenizer


def _copy(folder: Path, **changes: object) -> Path:
    shutil.copytree(BASE, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    return folder


def test_dropout_of_the_base_is_switched_off_and_named(tmp_path: Path) -> None:
    folder = _copy(tmp_path / "m", attention_dropout=0.3)
    base = load(replace(make_record(demo_sites()), model_path=str(folder)))
    assert base.silenced == ("attention_dropout",)
    base.model.train()
    ids = torch.arange(4, 24).reshape(1, 20)
    with torch.no_grad():
        assert torch.equal(base.model(ids).logits, base.model(ids).logits)
    assert load(make_record(demo_sites())).silenced == ()


def test_weights_that_the_checkpoint_lacks_are_named(tmp_path: Path) -> None:
    folder = _copy(tmp_path / "m", tie_word_embeddings=False)
    AutoModel.from_pretrained(folder).save_pretrained(folder)
    base = load(replace(make_record(demo_sites()), model_path=str(folder)))
    assert base.missing == ("lm_head.weight",)
    assert load(make_record(demo_sites())).missing == ()


def test_a_model_folder_that_is_gone_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="the model's folder is gone"):
        load(replace(make_record(demo_sites()), model_path=str(tmp_path / "gone")))


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    folder = _copy(tmp_path / "m")
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(InvalidError, match="no usable tokenizer"):
        load_tokenizer(str(folder))


def test_the_compute_dtype_of_the_cpu() -> None:
    cpu = torch.device("cpu")
    assert pick_compute_dtype("auto", cpu) == torch.float32
    assert pick_compute_dtype("bf16", cpu) == torch.bfloat16
