"""Writes plan files: a new one, or rules into an existing one without touching anything else of it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from workbench import atomic
from workbench.errors import InvalidError, Problem
from workbench.plan.document import read_values
from workbench.plan.edit_groups import with_groups
from workbench.plan.files import check_text, plan_or_raise, read_text
from workbench.plan.grammar import parse_rule
from workbench.plan.keys import Multiple, Value, format_value
from workbench.plan.plan import Plan
from workbench.plan.selector_error import SelectorError
from workbench.plan.yaml_nodes import Node
from workbench.plan.yaml_parts import parse_yaml
from workbench.run.layout import Home

_DEFAULTS: Mapping[str, Value] = {"method": "lora", "r": 16, "alpha": Multiple(2.0), "dropout": 0.0}


def new_plan_text(
    name: str,
    model: str,
    base: str = "nf4",
    rules: Sequence[str] = ("* all",),
    defaults: Mapping[str, Value] | None = None,
    revision: str | None = None,
) -> str:
    """A plan file with comments that explain its keys. Nothing is checked here."""
    given = {**_DEFAULTS, **(defaults or {})}
    written = ", ".join(f"{key}: {format_value(value)}" for key, value in given.items())
    return "\n".join(
        (
            f"name: {_quoted(name)}",
            f"model: {_quoted(model)}",
            *([f"revision: {_quoted(revision)}"] if revision else []),
            f"base: {base}  # how frozen weights are stored, where no rule says otherwise",
            "",
            "# what adapted sites have, where no rule says otherwise; alpha 2r keeps the scaling at 2 at every rank",
            f"defaults: {{{written}}}",
            "",
            "# <blocks> <modules> <assignments>; later rules win, key by key; without rules nothing is adapted",
            f"rules:{'' if rules else ' []'}",
            *(f"  - {_quoted(rule)}" for rule in rules),
            "",
        )
    )


def set_rules(
    path: Path,
    rules: Sequence[str],
    home: Home,
    replace_all: bool = False,
    groups: Mapping[str, str] = MappingProxyType({}),
) -> Plan:
    """Appends rules to a plan file, or replaces all it has, and keeps everything else as it stands.

    `groups`, name → selector, are written before the rules, which may use them. The file changes only if the result
    resolves. Raises InvalidError with all problems otherwise.
    """
    _check_rules(rules)
    text = with_groups(read_text(path), str(path), groups)
    changed = with_rules(text, str(path), rules, 0 if replace_all else None) if rules else text
    plan = plan_or_raise(check_text(changed, path, home), str(path))
    atomic.write_text(path, changed)
    return plan


def _check_rules(rules: Sequence[str]) -> None:
    problems = []
    for rule in rules:
        try:
            parse_rule(rule)
        except SelectorError as error:
            problems.append(Problem(f"rule {_quoted(rule)} column {error.column}", error.title, error.hint))
    if problems:
        raise InvalidError("the file was not changed: a rule cannot be read", problems[0].hint, tuple(problems))


def with_rules(text: str, file: str, rules: Sequence[str], kept: int | None = None) -> str:
    """The text with the rules written after the first `kept` of those it has, or after all; the others go.

    Every other character stays. Raises InvalidError where the text is no YAML, or is laid out in a way that has no
    place for them.
    """
    data = read_values(file, text)
    before = list(data.get("rules") or [])[:kept]
    changed = _edited(text if text.endswith("\n") else f"{text}\n", parse_yaml(text).root, rules, kept)
    if _data(file, changed) != {**data, "rules": [*before, *rules]}:
        raise InvalidError(
            f"{file}: its layout has no place for new rules", "write the rules one per line, below `rules:`"
        )
    return changed


def _data(file: str, text: str) -> dict[str, Any] | None:
    try:
        return read_values(file, text)
    except InvalidError:
        return None


def _edited(text: str, root: Node | None, rules: Sequence[str], kept: int | None) -> str:
    place = root.pair("rules") if root else None
    if place is None:
        return text + _lines(["rules:"]) + _items(rules, 2)
    key, value = place
    if value.kind != "sequence":
        return _replaced_lines(text, key.end.line + 1, key.end.line + 1, _items(rules, 2))
    if value.flow:
        return _edited_flow(text, value, rules, kept)
    last = value.items[-1].end
    end = last.line + 1 if last.column else last.line  # a text block ends where the next line starts
    gone = value.items[kept:] if kept is not None else ()
    start = gone[0].start.line if gone else end
    return _replaced_lines(text, start, end, _items(rules, value.start.column))


def _edited_flow(text: str, value: Node, rules: Sequence[str], kept: int | None) -> str:
    written = ", ".join(map(_quoted, rules))
    stay = value.items[:kept]
    if not stay:
        return f"{text[: value.start.index]}[{written}]{text[value.end.index :]}"
    joined = f", {written}" if written else ""
    return f"{text[: stay[-1].end.index]}{joined}{text[value.items[-1].end.index :]}"


def _items(rules: Sequence[str], indent: int) -> str:
    return _lines([f"{' ' * indent}- {_quoted(rule)}" for rule in rules])


def _lines(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _replaced_lines(text: str, start: int, end: int, new: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join((*lines[:start], new, *lines[end:]))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON string is a YAML one
