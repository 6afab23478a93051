"""Writes layer groups into the text of a plan file; every other character stays."""

import json
from collections.abc import Mapping
from typing import Any

from workbench.errors import InvalidError
from workbench.plan.document import parse_yaml, read_document


def with_groups(text: str, file: str, groups: Mapping[str, str]) -> str:
    """The text with these groups, name → selector; one of the same name is replaced.

    Raises InvalidError where the text is no YAML, or is laid out in a way that has no place for them.
    """
    for name, selector in groups.items():
        text = _with_group(text if text.endswith("\n") else f"{text}\n", file, name, selector)
    return text


def _with_group(text: str, file: str, name: str, selector: str) -> str:
    data = read_document(file, text).data
    known = data.get("groups") or {}
    if not isinstance(known, dict):
        raise InvalidError(f"{file}: `groups` is no mapping of names to selectors", 'groups: {late-mlp: "upper mlp"}')
    changed = _edited(text, parse_yaml(text).root, name, json.dumps(selector, ensure_ascii=False))
    if _data(file, changed) != {**data, "groups": {**known, name: selector}}:
        raise InvalidError(
            f"{file}: its layout has no place for a group", "write the groups one per line, below `groups:`"
        )
    return changed


def _data(file: str, text: str) -> dict[str, Any] | None:
    try:
        return read_document(file, text).data
    except InvalidError:
        return None


def _edited(text: str, root: Any, name: str, selector: str) -> str:
    place = next(((key, value) for key, value in root.value if key.value == "groups"), None)
    if place is None:
        return f"{text}groups:\n  {name}: {selector}\n"
    key, value = place
    if value.id != "mapping" or not value.value:  # `groups:` alone, or `groups: {}`
        end = value.end_mark.index if value.id == "mapping" else text.index(":", key.end_mark.index) + 1
        return f"{text[: key.end_mark.index]}:\n  {name}: {selector}{text[end:]}"
    for known, written in value.value:
        if known.value == name:
            return text[: written.start_mark.index] + selector + text[written.end_mark.index :]
    if value.flow_style:
        end = value.value[-1][1].end_mark.index
        return f"{text[:end]}, {name}: {selector}{text[end:]}"
    last = value.value[-1][1].end_mark
    lines = text.splitlines(keepends=True)
    at = last.line + 1 if last.column else last.line
    indent = " " * value.value[0][0].start_mark.column
    return "".join((*lines[:at], f"{indent}{name}: {selector}\n", *lines[at:]))
