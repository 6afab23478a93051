"""Safetensors headers: the names, shapes and dtypes of a model's weights without reading the weights.

A file is 8 bytes (header length, little-endian), a JSON header, and the data. Loads no torch.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from math import prod
from pathlib import Path
from typing import Any

from workbench.canonical import digest
from workbench.errors import InvalidError

CONFIG = "config.json"
SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
_LENGTH_BYTES = 8
_LONGEST_HEADER = 100_000_000  # the limit of the safetensors library
_PICKLES = ("*.bin", "*.pt", "*.pth")
_TRAINING_STATE = ("training_args.bin", "optimizer.*", "scheduler.*", "rng_state*")  # pickles beside weights
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
    tensors: dict[str, Tensor] = {}
    for file in weight_files(folder):
        tensors.update(_parse(file, _raw_header(file)))
    return Headers(tensors, header_fingerprint(read_bytes(folder / CONFIG), tensors))


def header_fingerprint(config: bytes, tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 (64 hex digits) over the config and every tensor's name, dtype and shape, however it is sharded."""
    listed = [[t.name, t.dtype, list(t.shape)] for _, t in sorted(tensors.items())]
    return digest({"config": hashlib.sha256(config).hexdigest(), "tensors": listed})


def read_bytes(path: Path) -> bytes:
    """A file's bytes. Raises InvalidError, with the file's name, where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidError(f"{path}: cannot be read ({error.strerror})", "check that it is a readable file") from error


def parse_json_object(where: str, raw: bytes) -> dict[str, Any]:
    """JSON that must hold an object. Raises InvalidError that names `where` it stands."""
    try:
        value = json.loads(raw)
    except ValueError as error:
        raise InvalidError(f"{where}: not JSON ({error})", _AGAIN) from error
    if not isinstance(value, dict):
        raise InvalidError(f"{where}: not a JSON object", _AGAIN)
    return value


def has_weights(folder: Path) -> bool:
    """Whether a folder holds safetensors, or an index that names them."""
    return (folder / SINGLE).is_file() or (folder / INDEX).is_file()


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The weight files that loading would read: one file, else those named by the index.

    Raises InvalidError when there are none, or when the index names a file that is missing.
    """
    if (folder / SINGLE).is_file():
        return (folder / SINGLE,)
    if (folder / INDEX).is_file():
        return _indexed(folder / INDEX)
    raise unreadable_weights(str(folder), sorted(path.name for path in folder.iterdir()))


def unreadable_weights(where: str, names: Iterable[str]) -> InvalidError:
    """Why there is nothing to read among these files, and the way out."""
    listed = [name for name in names if not any(fnmatch(name, pattern) for pattern in _TRAINING_STATE)]
    if pickles := [name for name in listed if any(fnmatch(name, pattern) for pattern in _PICKLES)]:
        return InvalidError(
            f"{where}: its weights are pickle files ({pickles[0]}), which can run code when opened",
            'if you trust them, convert once: python -c "from transformers import AutoModelForCausalLM as M, '
            f"AutoTokenizer as T; [X.from_pretrained('{where}').save_pretrained('NEW_DIR') for X in (M, T)]\"",
        )
    if gguf := [name for name in listed if name.endswith(".gguf")]:
        hint = "use the unquantized original in safetensors: the plan sets the base format"
        return InvalidError(f"{where}: a GGUF file ({gguf[0]}), which is already quantized", hint)
    return InvalidError(f"{where}: no weights", f"a model folder holds {SINGLE}, or {INDEX} and its shards")


def _indexed(index: Path) -> tuple[Path, ...]:
    files = tuple(index.parent / name for name in index_files(str(index), read_bytes(index)))
    for file in files:
        if not file.is_file():
            raise InvalidError(f"{file}: missing, although {INDEX} names it", "finish the download of the model")
    return files


def index_files(where: str, raw: bytes) -> list[str]:
    """The weight files that an index names. Raises InvalidError where it names none."""
    weight_map = parse_json_object(where, raw).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise InvalidError(f"{where}: names no weights", _AGAIN)
    return sorted({str(name) for name in weight_map.values()})


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
