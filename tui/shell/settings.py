"""`config.yaml` of the home: the theme, and other keys than the built-in ones."""

from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from workbench import atomic
from workbench.errors import InvalidError
from workbench.nearest import nearest

NAME = "config.yaml"
_KNOWN = ("theme", "keymap")
_EXAMPLE = "theme: colour-blind"


@dataclass(frozen=True, slots=True)
class Settings:
    """`problems` say what of the file is not used, and why."""

    theme: str = ""
    keymap: dict[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def read_settings(path: Path) -> Settings:
    """Never fails: what cannot be used is told, and the rest is used."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        return Settings(problems=(f"{path} cannot be read: {error}",))
    from workbench.plan.document import read_document  # most homes have no such file

    try:
        data = read_document(str(path), text, _EXAMPLE).data if text.strip() else {}
    except InvalidError as error:
        return Settings(problems=tuple(map(str, error.problems)) or (f"{path}: {error.title}",))
    return _settings(path, data)


def _settings(path: Path, data: dict[str, Any]) -> Settings:
    problems = [f"{path}: {key!r} is no setting: {nearest(str(key), _KNOWN)}" for key in data if key not in _KNOWN]
    theme, given = data.get("theme") or "", data.get("keymap") or {}
    if not isinstance(theme, str):
        problems.append(f"{path}: theme: a name is expected, not {theme!r}")
        theme = ""
    if not isinstance(given, dict):
        problems.append(f"{path}: keymap: identifiers with keys are expected, such as plan.undo: ctrl+z")
        given = {}
    keymap: dict[str, str] = {}
    for name, keys in given.items():
        said = [keys] if isinstance(keys, str | int) and not isinstance(keys, bool) else keys
        if isinstance(said, list) and said and all(isinstance(key, str | int) and str(key).strip() for key in said):
            keymap[str(name)] = ",".join(str(key).strip() for key in said)
        else:
            problems.append(f"{path}: keymap: {name}: keys are expected, such as ctrl+z, not {keys!r}")
    return Settings(theme, keymap, tuple(problems))


def keep_theme(path: Path, theme: str) -> None:
    """Writes the theme and leaves the rest of the file as it is. Raises OSError, ValueError where it is no YAML map."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml = YAML()
    try:
        data = yaml.load(path.read_text(encoding="utf-8")) if path.is_file() else None
    except YAMLError as error:
        raise ValueError("it cannot be read") from error
    data = {} if data is None else data
    if not isinstance(data, dict):
        raise ValueError("it holds no settings")
    data["theme"] = theme
    out = StringIO()
    yaml.dump(data, out)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, out.getvalue())
