"""Which data an axolotl or LLaMA-Factory YAML trains on, as keys of a recipe."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.plan.arrive_file import ArrivedFile
from workbench.plan.arrive_spec import LeftOut
from workbench.plan.findings import Finding

Setting = tuple[str, Any, str]  # a key of the recipe, its value, and the file's key
_FORMATS = {"alpaca": "alpaca", "chat_template": "chat", "completion": "text", "sharegpt": "chat"}
_FILE_KINDS = ("json", "jsonl", "csv", "parquet")  # what axolotl and datasets call files instead of a path
_INFO = "dataset_info.json"
_COLUMNS = {"prompt": "instruction", "query": "input", "response": "output", "messages": "conversations"}


def axolotl_data(file: ArrivedFile, left_out: list[LeftOut]) -> Iterator[Setting]:
    """`data`, `revision`, `format` and `eval_data`; of several data sets the first."""
    first = _first(file, "datasets", left_out)
    if first is None:
        if not file.get("datasets"):
            message = "no data: the key 'datasets' is missing"
            file.findings.append(Finding((), message, "add `datasets: [{path: data.jsonl, type: alpaca}]`"))
        return
    yield "data", _axolotl_path(file, first), "datasets[0].path"
    if revision := first.get("revision"):
        yield "revision", str(revision), "datasets[0].revision"
    yield from _axolotl_format(first, left_out)
    for key in ("name", "split", "field_messages", "roles_to_train", "shards"):
        if first.get(key) not in (None, "train"):
            left_out.append(LeftOut(f"datasets[0].{key}", str(first[key]), "the recipe has no such choice"))
    if held := _first(file, "test_datasets", left_out):
        yield "eval_data", _axolotl_path(file, held), "test_datasets[0].path"


def _first(file: ArrivedFile, key: str, left_out: list[LeftOut]) -> dict[str, Any] | None:
    given = file.get(key)
    items = given if isinstance(given, list) else []
    if given and not (items and all(isinstance(item, dict) and item.get("path") for item in items)):
        file.refuse((key,), given, "a list of mappings, each with a path", None)
        return None
    for index, item in enumerate(items[1:], start=1):
        left_out.append(LeftOut(f"{key}[{index}]", str(item["path"]), "a recipe has one data set: join them"))
    return items[0] if items else None


def _axolotl_path(file: ArrivedFile, entry: dict[str, Any]) -> str:
    files = entry.get("data_files")
    path = str(entry["path"])
    if files and path in _FILE_KINDS:
        path = str(files[0] if isinstance(files, list) else files)
    return _place(file, path)


def _axolotl_format(entry: dict[str, Any], left_out: list[LeftOut]) -> Iterator[Setting]:
    kind = entry.get("type")
    name = kind.partition(".")[0].partition(":")[0] if isinstance(kind, str) else ""
    if name in _FORMATS:
        yield "format", _FORMATS[name], "datasets[0].type"
    elif kind:
        reason = "not a format of the workbench: it is recognised from the rows"
        left_out.append(LeftOut("datasets[0].type", str(kind), reason))


def llama_factory_data(file: ArrivedFile, left_out: list[LeftOut]) -> Iterator[Setting]:
    """`data`, `format`, `columns` and `eval_data`; names are looked up in the dataset_info.json of dataset_dir."""
    names = _names(file, "dataset")
    if not names:
        message = "no data: the key 'dataset' is missing"
        file.findings.append(Finding((), message, "add `dataset: NAME`, a name in dataset_info.json"))
        return
    for name in names[1:]:
        left_out.append(LeftOut("dataset", name, "a recipe has one data set: join them"))
    folder, known = _info(file)
    entry = known.get(names[0])
    yield "data", _located(file, names[0], entry, folder, left_out), "dataset"
    yield from _layout(entry or {})
    if held := _names(file, "eval_dataset"):
        yield "eval_data", _located(file, held[0], known.get(held[0]), folder, left_out), "eval_dataset"


def _names(file: ArrivedFile, key: str) -> list[str]:
    return [part.strip() for text in file.texts(key) for part in text.split(",") if part.strip()]


def _info(file: ArrivedFile) -> tuple[Path, dict[str, Any]]:
    """The folder of dataset_info.json and what it holds: looked for from here, then from the file's folder upward."""
    named = Path(file.text("dataset_dir") or "data").expanduser()
    for folder in (named, *(parent / named for parent in (file.folder, *file.folder.parents))):
        if (folder / _INFO).is_file():
            try:
                known = json.loads((folder / _INFO).read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                file.findings.append(Finding(("dataset_dir",), f"{folder / _INFO} cannot be read: {error}"))
                return folder, {}
            return folder, known if isinstance(known, dict) else {}
    return named, {}


def _located(file: ArrivedFile, name: str, entry: dict[str, Any] | None, folder: Path, left_out: list[LeftOut]) -> str:
    if entry is None:
        reason = f"no {_INFO} that lists it was found in {folder}: write the path of its file into the recipe"
        left_out.append(LeftOut("dataset", name, reason))
        return _place(file, name)
    if file_name := entry.get("file_name"):
        return str((folder / str(file_name)).absolute())
    return str(entry.get("hf_hub_url") or name)


def _layout(entry: dict[str, Any]) -> Iterator[Setting]:
    """The format and the columns of an entry; columns with their usual names are left out."""
    if not entry:
        return
    kind = "chat" if entry.get("formatting") == "sharegpt" else "alpaca"
    yield "format", kind, _INFO
    columns = entry.get("columns") or {}
    renamed = {_COLUMNS[key]: str(name) for key, name in columns.items() if key in _COLUMNS}
    if kind == "chat":
        renamed = {key: name for key, name in renamed.items() if key == "conversations"}
    renamed = {
        key: name for key, name in renamed.items() if key != name and (key, name) != ("conversations", "messages")
    }
    if renamed:
        yield "columns", renamed, _INFO


def _place(file: ArrivedFile, text: str) -> str:
    """An absolute path where there is such a file, from here or beside the given one; else the text, a hub name."""
    for path in (Path(text).expanduser(), file.folder / text):
        if path.exists():
            return str(path.absolute())
    return text
