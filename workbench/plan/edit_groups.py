"""Writes layer groups into the text of a plan file; every other character stays."""

import json
from collections.abc import Mapping
from typing import Any

from workbench.errors import InvalidError
from workbench.plan.document import read_document
from workbench.plan.yaml_nodes import Node
from workbench.plan.yaml_parts import parse_yaml


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


def _edited(text: str, root: Node | None, name: str, selector: str) -> str:
    place = root.pair("groups") if root else None
    if place is None:
        return f"{text}groups:\n  {name}: {selector}\n"
    key, value = place
    if not value.pairs:  # `groups:` alone, or `groups: {}`
        end = value.end.index if value.kind == "mapping" else text.index(":", key.end.index) + 1
        return f"{text[: key.end.index]}:\n  {name}: {selector}{text[end:]}"
    if known := value.pair(name):
        return text[: known[1].start.index] + selector + text[known[1].end.index :]
    if value.flow:
        end = value.pairs[-1][1].end.index
        return f"{text[:end]}, {name}: {selector}{text[end:]}"
    last = value.pairs[-1][1].end
    lines = text.splitlines(keepends=True)
    at = last.line + 1 if last.column else last.line
    indent = " " * value.pairs[0][0].start.column
    return "".join((*lines[:at], f"{indent}{name}: {selector}\n", *lines[at:]))
