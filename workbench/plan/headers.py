"""Safetensors headers: the names, shapes and dtypes of a model's weights without reading the weights.

A file is 8 bytes (header length, little-endian), a JSON header, and the data. Loads no torch.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from workbench.errors import InvalidError

CONFIG = "config.json"
SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
_LENGTH_BYTES = 8
_LONGEST_HEADER = 100_000_000  # the limit of the safetensors library
_AGAIN = "the file is damaged: copy or download it again"


@dataclass(frozen=True, slots=True)
class Tensor:
    """One stored tensor; `dtype` in the words of safetensors, such as `BF16`."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def params(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Headers:
    """What a model folder holds: its tensors by name, and the SHA-256 over config and headers."""

    tensors: dict[str, Tensor]
    fingerprint: str


def read_headers(folder: Path) -> Headers:
    """The headers of all weight files of a folder, with their fingerprint.

    Raises InvalidError, naming the file, when weights are missing, damaged, or cut short.
    """
    fingerprint = hashlib.sha256(read_bytes(folder / CONFIG))
    tensors: dict[str, Tensor] = {}
    for file in weight_files(folder):
        raw = _raw_header(file)
        fingerprint.update(raw)
        tensors.update(_parse(file, raw))
    return Headers(tensors, fingerprint.hexdigest())


def read_bytes(path: Path) -> bytes:
    """A file's bytes. Raises InvalidError, with the file's name, where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidError(f"{path}: cannot be read ({error.strerror})", "check that it is a readable file") from error


def read_json_object(path: Path) -> dict[str, Any]:
    """A JSON file that must hold an object. Raises InvalidError, with the file's name."""
    try:
        value = json.loads(read_bytes(path))
    except ValueError as error:
        raise InvalidError(f"{path}: not JSON ({error})", _AGAIN) from error
    if not isinstance(value, dict):
        raise InvalidError(f"{path}: not a JSON object", _AGAIN)
    return value


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The weight files that loading would read: one file, else those named by the index.

    Raises InvalidError when there are none, or when the index names a file that is missing.
    """
    if (folder / SINGLE).is_file():
        return (folder / SINGLE,)
    if (folder / INDEX).is_file():
        return _indexed(folder / INDEX)
    if pickles := sorted(p.name for pattern in ("*.bin", "*.pt", "*.pth") for p in folder.glob(pattern)):
        raise InvalidError(
            f"{folder}: its weights are pickle files ({pickles[0]}), which can run code when opened",
            'if you trust them, convert once: python -c "from transformers import AutoModelForCausalLM as M; '
            "M.from_pretrained('DIR').save_pretrained('NEW_DIR')\"",
        )
    raise InvalidError(f"{folder}: no weights", f"a model folder holds {SINGLE}, or {INDEX} and its shards")


def _indexed(index: Path) -> tuple[Path, ...]:
    weight_map = read_json_object(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise InvalidError(f"{index}: names no weights", _AGAIN)
    files = tuple(index.parent / name for name in sorted({str(name) for name in weight_map.values()}))
    for file in files:
        if not file.is_file():
            raise InvalidError(f"{file}: missing, although {INDEX} names it", "finish the download of the model")
    return files


def _raw_header(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            prefix = stream.read(_LENGTH_BYTES)
            length = int.from_bytes(prefix, "little")
            if prefix == b"version ":
                raise InvalidError(f"{file}: a Git LFS pointer, not the weights", "run `git lfs pull` in its folder")
            if len(prefix) < _LENGTH_BYTES or not 2 <= length <= _LONGEST_HEADER:
                raise InvalidError(f"{file}: not a safetensors file, or empty", _AGAIN)
            raw = stream.read(length)
    except OSError as error:
        raise InvalidError(f"{file}: cannot be read ({error.strerror})", "check that it is a readable file") from error
    if len(raw) < length:
        raise InvalidError(f"{file}: cut short inside its header ({len(raw)} of {length} bytes)", _AGAIN)
    return raw


def _parse(file: Path, raw: bytes) -> dict[str, Tensor]:
    try:
        entries = {name: entry for name, entry in json.loads(raw).items() if name != "__metadata__"}
        tensors = {n: Tensor(n, str(e["dtype"]), tuple(int(d) for d in e["shape"])) for n, e in entries.items()}
        end = max((int(entry["data_offsets"][1]) for entry in entries.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise InvalidError(f"{file}: its header is not a safetensors header ({error})", _AGAIN) from error
    _check_size(file, _LENGTH_BYTES + len(raw) + end)
    return tensors


def _check_size(file: Path, expected: int) -> None:
    size = os.stat(file).st_size
    if size != expected:
        what = "cut short" if size < expected else "longer than its header says"
        raise InvalidError(f"{file}: {what} ({size} of {expected} bytes)", _AGAIN)
