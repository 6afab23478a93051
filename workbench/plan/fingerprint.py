"""The model fingerprint: one hash for the exact weights and tokenizer that a run started from."""

import hashlib
import json
from pathlib import Path

from workbench import atomic
from workbench.canonical import digest
from workbench.plan.headers import CONFIG, read_bytes, weight_files

CACHE_NAME = "fingerprints.json"
TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.json", "merges.txt", "vocab.txt", "chat_template.jinja"),
)
_CHUNK = 1 << 20

# path → (size, mtime_ns, SHA-256 of the content)
_Known = dict[str, tuple[int, int, str]]


def model_fingerprint(folder: Path, cache: Path | None) -> str:
    """SHA-256 (64 hex digits) over config.json and the contents, so also the headers, of weights and tokenizer.

    The tokenizer is part of it because the same weights give other results with another one.

    Contents are hashed once and remembered in `cache`/fingerprints.json by (path, size, mtime_ns); None
    remembers nothing. Raises InvalidError when the folder holds no config or no weights.
    """
    config = hashlib.sha256(read_bytes(folder / CONFIG)).hexdigest()
    known = _read(cache) if cache else {}
    files = {file.name: file.resolve() for file in _files(folder)}  # the hub's cache links names to contents
    entries = {str(file): _entry(file, known) for file in files.values()}
    if cache and any(known.get(path) != entry for path, entry in entries.items()):
        _write(cache, entries)
    return digest({"config": config, "files": [[name, entries[str(file)][2]] for name, file in files.items()]})


def _files(folder: Path) -> list[Path]:
    tokenizer = (folder / name for name in TOKENIZER_FILES)
    return [*weight_files(folder), *(path for path in tokenizer if path.is_file())]


def _entry(file: Path, known: _Known) -> tuple[int, int, str]:
    stat = file.stat()  # before hashing: a write in between leaves an entry that no longer matches the file
    if (old := known.get(str(file))) and old[:2] == (stat.st_size, stat.st_mtime_ns):
        return old
    return stat.st_size, stat.st_mtime_ns, _sha256(file)


def _sha256(file: Path) -> str:
    sha = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            sha.update(chunk)
    return sha.hexdigest()


def _read(cache: Path) -> _Known:
    try:
        raw = json.loads((cache / CACHE_NAME).read_text(encoding="utf-8"))
        return {str(path): (int(size), int(mtime), str(sha)) for path, (size, mtime, sha) in raw.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # a cache that cannot be understood is written anew


def _write(cache: Path, entries: _Known) -> None:
    """Adds to what stands there now. Of two processes at once, one may lose its entry and hash again later."""
    cache.mkdir(parents=True, exist_ok=True)
    atomic.write_json(cache / CACHE_NAME, {**_read(cache), **entries})
