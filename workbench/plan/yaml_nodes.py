"""A YAML text as plain values and as a tree that knows where everything in it stands."""

from dataclasses import dataclass, replace
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Point:
    """A place in a text: line and column from 0, and the characters before it."""

    line: int
    column: int
    index: int

    def down(self, lines: int, characters: int) -> "Point":
        """The same place after so much was put above it."""
        return Point(self.line + lines, self.column, self.index + characters)


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the text, from its first character to behind its last.

    `style` is the quote (or the sign of a text block) of a scalar, `flow` whether a collection is in brackets. A
    mapping has pairs of nodes.
    """

    kind: Literal["scalar", "sequence", "mapping"]
    start: Point
    end: Point
    text: str = ""
    style: str | None = None
    flow: bool = False
    items: tuple["Node", ...] = ()
    pairs: tuple[tuple["Node", "Node"], ...] = ()

    def down(self, lines: int, characters: int) -> "Node":
        """The same node after so much was put above it."""
        return replace(
            self,
            start=self.start.down(lines, characters),
            end=self.end.down(lines, characters),
            items=tuple(node.down(lines, characters) for node in self.items),
            pairs=tuple((key.down(lines, characters), value.down(lines, characters)) for key, value in self.pairs),
        )

    def pair(self, name: str) -> tuple["Node", "Node"] | None:
        """The key of that name, and its value."""
        return next(((key, value) for key, value in self.pairs if key.text == name), None)


@dataclass(frozen=True, slots=True)
class Parsed:
    """The values and the tree; both are None for a text without any. Not to be changed."""

    data: Any
    root: Node | None


def parse_whole(text: str) -> Parsed:
    """Reads YAML 1.2. Raises ruamel's YAMLError."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    root = yaml.compose(text)
    if root is None:
        return Parsed(None, None)
    return Parsed(yaml.constructor.construct_document(root), _node(root))


def _node(node: Any) -> Node:
    pairs: tuple[tuple[Node, Node], ...] = ()
    items: tuple[Node, ...] = ()
    if node.id == "mapping":
        pairs = tuple((_node(key), _node(value)) for key, value in node.value)
    elif node.id == "sequence":
        items = tuple(map(_node, node.value))
    else:
        return Node("scalar", _point(node.start_mark), _point(node.end_mark), node.value, node.style)
    return Node(
        node.id, _point(node.start_mark), _point(node.end_mark), flow=bool(node.flow_style), items=items, pairs=pairs
    )


def _point(mark: Any) -> Point:
    return Point(mark.line, mark.column, mark.index)
