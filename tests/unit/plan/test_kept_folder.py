"""A map that is asked for again is read again only where its folder is another by then."""

import os
import time
from pathlib import Path

import pytest

from tests.unit.plan.support import write_llama
from workbench.errors import InvalidError
from workbench.plan.model_map import load_map


def settled(folder: Path) -> Path:
    """As if nothing had been written for ten seconds."""
    at = time.time() - 10
    for path in (folder, *folder.iterdir()):
        os.utime(path, (at, at))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return settled(write_llama(tmp_path / "m"))


def test_a_folder_that_has_not_changed_is_not_read_again(folder: Path) -> None:
    assert load_map(folder) is load_map(folder)


def test_what_was_written_a_moment_ago_is_not_kept(tmp_path: Path) -> None:
    folder = write_llama(tmp_path / "m")
    assert load_map(folder) is not load_map(folder)


def test_other_weights_are_read(folder: Path) -> None:
    assert load_map(folder).blocks == 4
    write_llama(folder, 6)
    assert load_map(folder).blocks == 6


def test_another_config_of_the_same_length_is_read(folder: Path) -> None:
    before = load_map(folder)
    text = (folder / "config.json").read_text(encoding="utf-8")
    (folder / "config.json").write_text(text.replace('"tie_word_embeddings": true', '"tie_word_embeddings":false '))
    assert load_map(folder).tie_word_embeddings is not before.tie_word_embeddings


def test_a_file_that_comes_to_the_folder_is_seen(folder: Path) -> None:
    load_map(folder)
    (folder / "quantize_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InvalidError, match="already quantized"):
        load_map(folder)


def test_weights_that_are_gone_are_missed(folder: Path) -> None:
    load_map(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(InvalidError, match="no weights"):
        load_map(folder)


def test_only_a_few_folders_are_kept(tmp_path: Path) -> None:
    folders = [settled(write_llama(tmp_path / str(number))) for number in range(6)]
    first = load_map(folders[0])
    for folder in folders[1:]:
        load_map(folder)
    assert load_map(folders[0]) is not first
