import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.plan.support import llama_tensors, write_config, write_llama, write_safetensors
from workbench.errors import InvalidError
from workbench.plan.fingerprint import CACHE_NAME, model_fingerprint
from workbench.plan.headers import read_headers
from workbench.plan.model_map import load_map


def split_in_two(folder: Path) -> Path:
    """The same folder with two shards and an index."""
    shapes = llama_tensors(4)
    (folder / "model.safetensors").unlink()
    names = sorted(shapes)
    weight_map = {name: f"model-{i % 2}.safetensors" for i, name in enumerate(names)}
    for shard in set(weight_map.values()):
        write_safetensors(folder / shard, {n: shapes[n] for n in names if weight_map[n] == shard})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}), encoding="utf-8")
    return folder


def test_shards_hold_what_one_file_holds(tmp_path: Path) -> None:
    single, sharded = write_llama(tmp_path / "one"), split_in_two(write_llama(tmp_path / "two"))
    assert read_headers(single).tensors == read_headers(sharded).tensors
    assert load_map(single).sites == load_map(sharded).sites


def test_reads_what_safetensors_reads(tmp_path: Path) -> None:
    from safetensors import safe_open

    folder = write_llama(tmp_path / "m")
    with safe_open(folder / "model.safetensors", "pt") as file:
        expected = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    assert {name: tensor.shape for name, tensor in read_headers(folder).tensors.items()} == expected


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    folder = split_in_two(write_llama(tmp_path / "m"))
    (folder / "model-1.safetensors").unlink()
    with pytest.raises(InvalidError, match=r"model-1\.safetensors: missing") as error:
        read_headers(folder)
    assert "finish the download" in error.value.hint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw[:-1], "cut short"),
        (lambda raw: raw + b"x", "longer than its header says"),
        (lambda raw: raw[:40], "cut short inside its header"),
        (lambda raw: raw[:5], "not a safetensors file, or empty"),
        (lambda raw: b"", "not a safetensors file, or empty"),
        (lambda raw: raw[:8] + b"!" + raw[9:], "its header is not a safetensors header"),
        (lambda raw: b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, change: object, message: str) -> None:
    file = write_llama(tmp_path / "m") / "model.safetensors"
    file.write_bytes(change(file.read_bytes()))  # type: ignore[operator]
    with pytest.raises(InvalidError, match=message) as error:
        read_headers(file.parent)
    assert str(file) in error.value.title
    assert error.value.hint


@pytest.mark.parametrize("text", ["{", "[]", '{"weight_map": {}}'])
def test_a_damaged_index_is_named(tmp_path: Path, text: str) -> None:
    folder = split_in_two(write_llama(tmp_path / "m"))
    index = folder / "model.safetensors.index.json"
    index.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidError, match=r"model\.safetensors\.index\.json"):
        read_headers(folder)


def test_header_fingerprint_covers_config_and_shapes_but_not_values(tmp_path: Path) -> None:
    folder = write_llama(tmp_path / "m")
    first = load_map(folder).fingerprint
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    assert load_map(folder).fingerprint == first
    write_config(folder, json.loads((folder / "config.json").read_text()) | {"rope_theta": 5.0})
    assert load_map(folder).fingerprint != first


def test_another_tokenizer_is_another_model(tmp_path: Path) -> None:
    folder = write_llama(tmp_path / "m")
    (folder / "tokenizer.json").write_text('{"version": "1.0"}')
    before = model_fingerprint(folder, None)
    (folder / "README.md").write_text("words")
    assert model_fingerprint(folder, None) == before
    (folder / "tokenizer.json").write_text('{"version": "1.1"}')
    assert model_fingerprint(folder, None) != before


def test_model_fingerprint_covers_values_and_not_the_place(tmp_path: Path) -> None:
    one, two = write_llama(tmp_path / "one"), write_llama(tmp_path / "two")
    assert model_fingerprint(one, None) == model_fingerprint(two, tmp_path / "cache")
    file = two / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    assert model_fingerprint(two, tmp_path / "cache") != model_fingerprint(one, None)
    assert model_fingerprint(two, tmp_path / "cache") == model_fingerprint(two, None)


def test_model_fingerprint_reads_contents_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, cache = write_llama(tmp_path / "m"), tmp_path / "cache"
    expected = model_fingerprint(folder, cache)
    monkeypatch.setattr("workbench.plan.fingerprint._sha256", lambda file: pytest.fail(f"read {file} again"))
    assert model_fingerprint(folder, cache) == expected


def test_fingerprint_cache_keeps_entries_of_others_and_survives_damage(tmp_path: Path) -> None:
    one, two, cache = write_llama(tmp_path / "one"), write_llama(tmp_path / "two", blocks=2), tmp_path / "cache"
    expected = model_fingerprint(one, cache), model_fingerprint(two, cache)
    assert len(json.loads((cache / CACHE_NAME).read_text())) == 2
    (cache / CACHE_NAME).write_text("{", encoding="utf-8")
    assert (model_fingerprint(one, cache), model_fingerprint(two, cache)) == expected


def test_processes_that_share_the_cache_agree(tmp_path: Path) -> None:
    folders, cache = [write_llama(tmp_path / str(blocks), blocks) for blocks in (1, 2, 3, 4)], tmp_path / "cache"
    code = (
        "from sys import argv; from pathlib import Path; from workbench.plan.fingerprint import model_fingerprint; "
        "print(model_fingerprint(*map(Path, argv[1:])))"
    )
    commands = [[sys.executable, "-c", code, str(folder), str(cache)] for folder in folders * 2]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    answers = [process.communicate()[0].strip() for process in running]
    assert answers == [model_fingerprint(folder, None) for folder in folders] * 2
    assert set(json.loads((cache / CACHE_NAME).read_text())) <= {str(f / "model.safetensors") for f in folders}
