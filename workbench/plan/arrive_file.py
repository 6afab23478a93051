"""The file that a person arrives with: JSON or YAML, the place of every key, and all its problems at once."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.errors import InvalidError, NotFoundError
from workbench.plan.document import Document, read_document
from workbench.plan.files import read_text
from workbench.plan.findings import Finding

ADAPTER_CONFIG = "adapter_config.json"
WHAT_IS_READ = "give a peft adapter_config.json, an axolotl YAML or a LLaMA-Factory YAML"
_WORDS = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}  # booleans of YAML 1.1


def open_arrived(path: Path) -> "ArrivedFile":
    """Reads a file, or the adapter_config.json of a folder.

    Raises NotFoundError where there is none, InvalidError with line and column where it is neither JSON nor YAML.
    """
    file = path.expanduser()
    if file.is_dir():
        file = file / ADAPTER_CONFIG
    if not file.is_file():
        raise NotFoundError(f"no file '{file}'", WHAT_IS_READ)
    text = read_text(file)
    is_json = file.suffix == ".json" or (text.lstrip().startswith("{") and file.suffix not in (".yaml", ".yml"))
    return ArrivedFile(_json(str(file), text) if is_json else _yaml(str(file), text))


def _yaml(file: str, text: str) -> Document:
    try:
        return read_document(file, text, WHAT_IS_READ)
    except InvalidError as error:  # its one problem repeats the title
        raise InvalidError(error.title, error.hint) from error


def _json(file: str, text: str) -> Document:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        hint = f"check quotes, commas and brackets around this place, or {WHAT_IS_READ}"
        raise InvalidError(f"{file}:{error.lineno}:{error.colno}: not JSON: {error.msg}", hint) from error
    if not isinstance(data, dict):
        raise InvalidError(f"{file}:1:1: not a JSON object", WHAT_IS_READ)
    try:
        return Document(file, data, read_document(file, text).marks)
    except InvalidError:  # JSON that YAML does not take, such as lines indented by tabs: no places, then
        return Document(file, data)


@dataclass(slots=True)
class ArrivedFile:
    """A file's values, read key by key. What does not fit is collected; null counts as absent.

    `read` keeps the keys that somebody asked for, so that the others can be named.
    """

    document: Document
    findings: list[Finding] = field(default_factory=list)
    read: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return Path(self.document.file).name

    @property
    def folder(self) -> Path:
        return Path(self.document.file).absolute().parent

    @property
    def data(self) -> Mapping[str, Any]:
        return self.document.data

    def get(self, key: str) -> Any:
        self.read.add(key)
        return self.data.get(key)

    def present(self, *keys: str) -> str:
        """The first of these keys that the file sets, else the first of all."""
        self.read.update(keys)
        return next((key for key in keys if self.data.get(key) is not None), keys[0])

    def flag(self, key: str, default: bool = False) -> bool:
        value = self.get(key)
        value = _WORDS.get(value.lower(), value) if isinstance(value, str) else value
        if value is None or isinstance(value, bool):
            return default if value is None else value
        return bool(self.refuse((key,), value, "true or false", default))

    def number(self, key: str, default: float, above: float = 0.0, or_equal: bool = False) -> float:
        """A finite number above a bound, or equal to it where that is allowed; numbers in quotes are read too."""
        return self.as_number((key,), self.get(key), default, above, or_equal)

    def as_number(
        self, path: tuple[str | int, ...], value: Any, default: float, above: float = 0.0, or_equal: bool = False
    ) -> float:
        if value is None:
            return default
        number = _number(value)
        if number is None or not (number > above or (or_equal and number == above)):
            wanted = f"a number {'from' if or_equal else 'above'} {above:g}"
            return float(self.refuse(path, value, wanted, default))
        return number

    def whole(self, key: str, default: int, least: int = 1) -> int:
        return self.as_whole((key,), self.get(key), default, least)

    def as_whole(self, path: tuple[str | int, ...], value: Any, default: int, least: int = 1) -> int:
        if value is None:
            return default
        number = _number(value)
        if number is None or number != int(number) or number < least:
            return int(self.refuse(path, value, f"a whole number from {least}", default))
        return int(number)

    def text(self, key: str) -> str | None:
        value = self.get(key)
        if value is None or isinstance(value, str):
            return value or None
        return str(self.refuse((key,), value, "a text", "")) or None

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; a single text counts as a list of one."""
        value = self.get(key)
        items = [value] if isinstance(value, str) and value else value
        if not items:
            return ()
        if isinstance(items, list) and all(isinstance(item, str) and item for item in items):
            return tuple(items)
        self.refuse((key,), value, "a list of texts", None)
        return ()

    def mapping(self, key: str) -> Mapping[str, Any]:
        value = self.get(key)
        if not value:
            return {}
        if isinstance(value, dict):
            return {str(name): item for name, item in value.items()}
        self.refuse((key,), value, "a mapping of keys to values", None)
        return {}

    def refuse(self, path: tuple[str | int, ...], value: Any, expected: str, instead: Any) -> Any:
        """Notes that a value does not fit, and answers with one that reading can go on with."""
        self.findings.append(Finding(path, f"{path[-1]} is {json.dumps(value, default=str)}", f"expected {expected}"))
        return instead

    def raise_findings(self) -> None:
        """Raises one InvalidError with all problems so far, in the order of the file."""
        if not self.findings:
            return
        problems = self.document.problems(self.findings)
        count = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
        raise InvalidError(f"{self.document.file}: {count}; nothing was written", "correct the file", problems)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
