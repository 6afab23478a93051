"""Reads a plan file rule by rule: an edit changes one of them, and all that was read before is known.

Reading a line of YAML takes about 0.1 ms, and a key on the map is to be answered in a few. Where the text is laid out
in any way that this does not see through, it is read as a whole.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from workbench.plan.yaml_nodes import Node, Parsed, Point, parse_whole

_KEY = "rules"
_HEADING = re.compile(rf"^{_KEY}:[ \t]*(?:#.*)?\n", re.MULTILINE)
_ITEM = re.compile(r"( *)- ")
_OURS = re.compile(r'( *)- "([^"\\\n]*)"\n?')
# further documents and directives, and what ends lines for some readers only
_TOO_MUCH = re.compile(r"^(?:%|---|\.\.\.)|[\t\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029\ufeff]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Parts:
    """The text without its rules, the lines and characters before them, and the text of each rule."""

    frame: str
    line: int
    index: int
    rules: tuple[str, ...]


@lru_cache(maxsize=8)
def parse_yaml(text: str) -> Parsed:
    """The values and the tree of a text. Raises ruamel's YAMLError."""
    from ruamel.yaml.error import YAMLError

    parts = _split(text)
    if parts:
        try:
            joined = _joined(parts, _known(parts.frame), [_known(rule) for rule in parts.rules])
        except YAMLError:
            joined = None
        if joined:
            return joined
    return parse_whole(text)


@lru_cache(maxsize=1024)
def _known(part: str) -> Parsed:
    return _written_by_us(part) or parse_whole(part)


def _written_by_us(part: str) -> Parsed | None:
    """A rule as edits write it, one line between quotes, takes no parser; None for any other text."""
    match = _OURS.fullmatch(part)
    if match is None or not match[2].isprintable():
        return None
    first, last = len(match[1]), len(part.rstrip("\n"))
    value = Point(0, first + 2, first + 2)
    scalar = Node("scalar", value, Point(0, last, last), match[2], '"')
    return Parsed([match[2]], Node("sequence", Point(0, first, first), scalar.end, items=(scalar,)))


def _split(text: str) -> _Parts | None:
    headings = list(_HEADING.finditer(text))
    if len(headings) != 1 or _TOO_MUCH.search(text):
        return None
    before, lines = text[: headings[0].end()], text[headings[0].end() :].splitlines(keepends=True)
    while lines and _says_nothing(lines[0]):
        before += lines.pop(0)
    item = _ITEM.match(lines[0]) if lines else None
    if item is None:
        return None
    rules = _rules(lines, item[1])
    after = "".join(lines[sum(rule.count("\n") or 1 for rule in rules) :])
    return _Parts(before + after, before.count("\n"), len(before), tuple(rules))


def _rules(lines: Sequence[str], indent: str) -> list[str]:
    """A rule is the line that begins it, and what follows further in; comments belong to the rule above them."""
    rules: list[str] = []
    for line in lines:
        if line.startswith(f"{indent}- "):
            rules.append(line)
        elif _says_nothing(line) or line.startswith(f"{indent} "):
            rules[-1] += line
        else:
            break
    return rules


def _says_nothing(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _joined(parts: _Parts, frame: Parsed, rules: Sequence[Parsed]) -> Parsed | None:
    """None where the parts are not what they were taken for."""
    place = frame.root.pair(_KEY) if frame.root else None
    if frame.root is None or place is None or place[0].start.column or frame.data[_KEY] is not None:
        return None
    if any(not isinstance(rule.data, list) or len(rule.data) != 1 for rule in rules):
        return None
    nodes = _placed(parts)
    sequence = Node("sequence", nodes[0].start, nodes[-1].end, items=tuple(node.items[0] for node in nodes))
    lines, characters = sum(rule.count("\n") for rule in parts.rules), sum(map(len, parts.rules))
    pairs = tuple(
        (key, sequence)
        if key is place[0]
        else (key, value)
        if key.start.line < parts.line
        else (key.down(lines, characters), value.down(lines, characters))
        for key, value in frame.root.pairs
    )
    data = {**frame.data, _KEY: [rule.data[0] for rule in rules]}
    return Parsed(data, replace(frame.root, pairs=pairs))


def _placed(parts: _Parts) -> list[Node]:
    """Each rule's own sequence of one, where it stands in the text."""
    placed = []
    line, index = parts.line, parts.index
    for rule in parts.rules:
        placed.append(_at(rule, line, index))
        line, index = line + rule.count("\n"), index + len(rule)
    return placed


@lru_cache(maxsize=1024)
def _at(rule: str, line: int, index: int) -> Node:
    root = _known(rule).root
    assert root is not None
    return root.down(line, index)
