"""Copies of plan, recipe and study files under another name, and other names for them. Comments stay."""

import json
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

from workbench import atomic
from workbench.errors import InvalidError, UsageError
from workbench.library.entry import Kind
from workbench.plan.document import read_document
from workbench.plan.files import SUFFIX, read_text
from workbench.run.layout import Home
from workbench.sample.mark import require_own
from workbench.study.study import home_file

_NAME_LINE = re.compile(r"""^name:[ \t]*("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^#\n]*?)(?=[ \t]*(?:#|$))""", re.MULTILINE)
_FILE_KEYS = {
    Kind.PLAN: ("model",),
    Kind.RECIPE: ("data", "eval_data", "choices"),
    Kind.STUDY: ("model", "recipe"),
}
_STUDY_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_LONGEST = 120


def place_of(home: Home, kind: Kind, name: str) -> Path:
    """Where a file of that name is to stand in the home.

    Raises UsageError for a text that is no such name, InvalidError in the home of the sample.
    """
    require_own(home)
    if kind is Kind.STUDY:
        if not _STUDY_NAME.fullmatch(name) or len(name) > _LONGEST:
            raise UsageError(f"{name!r} is no name of a study", "letters, digits, - _ . after a letter or a digit")
        return home_file(home, name)
    if not name.strip() or "/" in name or name.startswith((".", "-")) or not name.isprintable() or len(name) > _LONGEST:
        raise UsageError(
            f"{name!r} is no name of a {kind}", f"printable, without slashes, at most {_LONGEST} characters"
        )
    return (home.plans if kind is Kind.PLAN else home.recipes) / f"{name}{SUFFIX}"


def copy_file(kind: Kind, source: Path, target: Path, name: str, force: bool = False) -> None:
    """Writes the file with this name in it. Paths that were found beside it are made absolute.

    Raises UsageError where a file would be replaced, InvalidError for one that cannot be read as text, OSError.
    """
    if target.exists() and not (force and target.is_file()):
        raise UsageError(f"{target} exists", "choose another name, or replace it with --force")
    text = named_text(kind, read_text(source), name)
    if source.absolute().parent != target.absolute().parent:
        text = _placed_text(kind, text, source.absolute().parent)
    target.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(target, text)


def rename_file(kind: Kind, source: Path, target: Path, name: str) -> None:
    """Gives a file of the home another name; of a study its folder, with its members. Errors as `copy_file`."""
    if target.exists() or (kind is Kind.STUDY and target.parent.exists()):
        raise UsageError(f"{target} exists", "choose another name")
    text = named_text(kind, read_text(source), name)
    if kind is Kind.STUDY:
        # Without a name in its file a study is called as its folder: one whole study, wherever this is cut short.
        atomic.write_text(source, _nameless(read_text(source)))
        source.parent.rename(target.parent)
        atomic.write_text(target, text)
    else:
        atomic.write_text(target, text)
        source.unlink()


def named_text(kind: Kind, text: str, name: str) -> str:
    """The text with another `name:`, where it has one. What cannot be read as YAML stays as it is."""
    if kind is Kind.RECIPE or (before := _data(text)) is None or "name" not in before:
        return text
    quoted = name if re.fullmatch(r"[A-Za-z][\w.-]*", name) else _quoted(name)
    changed = _NAME_LINE.sub(lambda _: f"name: {quoted}", text, count=1)
    if _data(changed) == {**before, "name": name}:
        return changed
    return _with_changes(text, lambda data: data.update(name=name))


def _nameless(text: str) -> str:
    """The text without `name:`. What cannot be read as YAML stays as it is."""
    if (before := _data(text)) is None or "name" not in before:
        return text
    wanted = {key: value for key, value in before.items() if key != "name"}
    changed = _NAME_LINE.sub("", text, count=1)
    return changed if _data(changed) == wanted else _with_changes(text, lambda data: data.pop("name"))


def _placed_text(kind: Kind, text: str, folder: Path) -> str:
    """The text with the paths made absolute that are found beside the file and not from here."""
    found = {key: value for key, value in (_data(text) or {}).items() if key in _FILE_KEYS[kind]}
    placed = {key: _placed(value, folder) for key, value in found.items()}
    changed = {key: value for key, value in placed.items() if value != found[key]}
    return _with_changes(text, lambda data: data.update(changed)) if changed else text


def _placed(value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_placed(one, folder) for one in value]
    if not isinstance(value, str) or not value or value == "demo":
        return value
    for place in (Path(value).expanduser(), folder / value):
        if place.exists() and ("/" in value or place.is_file()):
            return str(place.absolute())
    return value


def _with_changes(text: str, change: Callable[[dict[str, Any]], object]) -> str:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 120
    data = yaml.load(text)
    change(data)
    out = StringIO()
    yaml.dump(data, out)
    return out.getvalue()


def _data(text: str) -> dict[str, Any] | None:
    try:
        return read_document("", text).data
    except InvalidError:
        return None


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
