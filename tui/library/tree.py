"""The tree of the library: a node per kind, a leaf per entry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from workbench.library.entry import Entry
from workbench.report.plain import shorten

_INDENT, _LEAST = 5, 8
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Leaf:
    """An entry with the sign before its name."""

    entry: Entry
    sign: str = ""


@dataclass(frozen=True, slots=True)
class Branch:
    """A group with its leaves; `total` counts those that a filter hides, too."""

    name: str
    leaves: tuple[Leaf, ...]
    total: int

    @property
    def title(self) -> str:
        shown = len(self.leaves)
        return f"{self.name} {shown}" if shown == self.total else f"{self.name} {shown} of {self.total}"


class LibraryTree(Tree[Entry | str], inherit_bindings=False):
    """Keeps its cursor and what is open when what it shows becomes another."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor_up", "Up", show=False, id="tree.up", tooltip="The line above"),
        Binding("down,j", "cursor_down", "Down", show=False, id="tree.down", tooltip="The line below"),
        Binding("left,h", "fold", "Close", show=False, id="tree.close", tooltip="Close the group, or go to it"),
        Binding("right,l", "unfold", "Open group", show=False, id="tree.open", tooltip="Open the group"),
        Binding("pageup", "page_up", "Page up", show=False, id="tree.page_up", tooltip="A page up"),
        Binding("pagedown", "page_down", "Page down", show=False, id="tree.page_down", tooltip="A page down"),
        Binding("g,home", "scroll_home", "First", show=False, id="tree.first", tooltip="To the first line"),
        Binding("G,end", "scroll_end", "Last", show=False, id="tree.last", tooltip="To the last line"),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (the name is Textual's)
        super().__init__("library", id=id)
        self.show_root, self.guide_depth, self.auto_expand = False, 2, True
        self._branches: tuple[Branch, ...] = ()
        self._marks: Mapping[Key, int] = {}
        self._placed: dict[Key, TreeNode[Entry | str]] = {}
        self._folded: set[str] = set()
        self._known: set[str] = set()
        self._all_open = False

    @property
    def current(self) -> Entry | None:
        """The entry under the cursor; None on a group."""
        data = self.cursor_node.data if self.cursor_node else None
        return data if isinstance(data, Entry) else None

    def show_branches(
        self,
        branches: Sequence[Branch],
        marks: Mapping[Key, int],
        closed: Sequence[str] = (),
        all_open: bool = False,
    ) -> None:
        """Shows them; `closed` are groups that begin closed, if not all are to be open."""
        shown = (tuple(branches), dict(marks), all_open)
        if shown == (self._branches, self._marks, self._all_open):
            return
        at, line, is_first = self.current, max(self.cursor_line, 1), not self._placed
        group = None if at else self._group_at_cursor()
        self._remember_closed(closed)
        self._branches, self._marks, self._all_open = shown
        self._build_nodes()
        node = self._placed.get(at.key) if at else self._placed.get(("", group)) if group else None
        if is_first:
            node = next((node for (kind, _), node in self._placed.items() if kind), None)
        if node is None and self.last_line >= 0:
            node = self.get_node_at_line(min(line, self.last_line))
        self._go_to(node)

    def go_to(self, key: Key) -> bool:
        """Puts the cursor on this entry, if it is shown."""
        node = self._placed.get(key)
        if node is not None and node.parent is not None:
            node.parent.expand()
            self._go_to(node)
        return node is not None

    def watch_show_vertical_scrollbar(self) -> None:
        """Names have another room than in the lines that are kept."""
        self._line_cache.clear()
        self.refresh()

    def on_resize(self) -> None:
        if self.cursor_node is not None:
            self.scroll_to_node(self.cursor_node, animate=False)

    def action_fold(self) -> None:
        node = self.cursor_node
        if node is not None and node.allow_expand:
            node.collapse()
        elif node is not None:
            self.move_cursor(node.parent)

    def action_unfold(self) -> None:
        if self.cursor_node is not None:
            self.cursor_node.expand()

    def _go_to(self, node: TreeNode[Entry | str] | None) -> None:
        if node is not None and node.parent is not None and not node.parent.is_expanded:
            node = node.parent
        if self.last_line >= 0 and node is not None:  # asking for the last line places all nodes
            self.move_cursor(node)
            self.scroll_to_node(node, animate=False)

    def _group_at_cursor(self) -> str | None:
        return str(self.cursor_node.data) if self.cursor_node and self.cursor_node.data else None

    def _remember_closed(self, closed: Sequence[str]) -> None:
        """As a person left them; while all are open, nothing is learned."""
        for branch in self.root.children if not self._all_open else ():
            (self._folded.discard if branch.is_expanded else self._folded.add)(str(branch.data))
        self._folded |= {name for name in closed if name not in self._known}

    def _build_nodes(self) -> None:
        self.clear()
        self._placed = {}
        for branch in self._branches:
            self._known.add(branch.name)
            is_open = self._all_open or branch.name not in self._folded
            node = self.root.add(Text(branch.title, "bold"), data=branch.name, expand=is_open)
            self._placed["", branch.name] = node
            for leaf in branch.leaves:
                self._placed[leaf.entry.key] = node.add_leaf(self._label(leaf), data=leaf.entry)

    def _label(self, leaf: Leaf) -> Text:
        mark = self._marks.get(leaf.entry.key)
        return Text(f"{mark} {_sign(leaf)}" if mark else _sign(leaf), "bold" if mark else "", no_wrap=True)

    def render_label(self, node: TreeNode[Entry | str], base_style: Style, style: Style) -> Text:
        """A leaf's name takes the room that there is: its head and its tail where that is too little."""
        text = super().render_label(node, base_style, style)
        if isinstance(node.data, Entry):
            room = max(_LEAST, self.size.width - _INDENT - text.cell_len - (1 if self.show_vertical_scrollbar else 0))
            text.append(shorten(node.data.name, room), style)
        return text


def _sign(leaf: Leaf) -> str:
    return f"{leaf.sign} " if leaf.sign else ""
